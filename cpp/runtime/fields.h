// How a configuration tells its fields to whoever reads, writes or checks them.
//
// A visitor is called once per field, in order: visit(name, value, rule, traits), where the rule says what
// the value is and the traits when it stands in a model file. A visitor that changes values gets them as they
// are, so that a field may take its default from one before it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace fastgru::field {

// Rules. Ranges beyond them, and what fields must be together, are validate()'s to say.
struct Whole {  // std::int64_t
  std::int64_t least = 1;
};
struct Flag {};    // bool
struct Share {};   // double in [0, 1)
struct Number {};  // double
struct Numbers {   // std::vector<double>
  std::int64_t most = 0;
};
struct Choice {  // an enum, of these names in its order; or a std::string, one of these names
  std::vector<std::string_view> names;
};

// Traits, to be joined with |.
constexpr unsigned kAlways = 0;
constexpr unsigned kLater = 1;     // may be missing in a file, which then means the default
constexpr unsigned kOmitted = 2;   // the same, and has its default now: not written
constexpr unsigned kTraining = 4;  // training alone reads it: answers do not depend on it

constexpr bool may_be_missing(unsigned traits) { return (traits & (kLater | kOmitted)) != 0; }

}  // namespace fastgru::field
