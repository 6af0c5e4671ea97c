// Which Eigen this was built with.
#pragma once

#include <string>

namespace fastgru {

std::string eigen_version();

}  // namespace fastgru
