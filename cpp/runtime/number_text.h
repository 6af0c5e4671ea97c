// Numbers in messages.
#pragma once

#include <string>

namespace fastgru {

// As printf writes %g in the C locale, whatever locale the process has: an app may have a decimal comma.
std::string number_text(double value);

}  // namespace fastgru
