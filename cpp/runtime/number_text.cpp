// Writes numbers without the process's locale.
#include "runtime/number_text.h"

#include <array>
#include <charconv>

namespace fastgru {

std::string number_text(double value) {
  std::array<char, 32> text{};
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6);
  static_cast<void>(error);  // 32 characters hold six digits and an exponent
  return {text.data(), end};
}

}  // namespace fastgru
