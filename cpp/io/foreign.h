// Names files of other formats, which people pass where a safetensors file is wanted.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fastgru {

constexpr std::size_t kForeignStart = 512;  // bytes that foreign_format() looks at

// The format of a file that is no safetensors file, by its first bytes: "a Python pickle". Empty: not
// recognised.
std::string foreign_format(std::string_view start);

}  // namespace fastgru
