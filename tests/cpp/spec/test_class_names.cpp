// The names of outputs in a model file: the symbols of a vocabulary.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "spec/class_names.h"

namespace fastgru {
namespace {

std::string refusal(const char* fitted, std::int64_t outputs) {
  std::vector<std::string> names;
  const Status status = read_symbol_names(fitted, {""}, outputs, &names);
  CHECK((status.ok() || status.code() == ErrorCode::model_format));
  return status.message();
}

TEST_CASE("the symbols of a transcriber stand behind the blank") {
  std::vector<std::string> names;
  const char* texts = R"({"n_dims":3,"vocabulary":{"level":"char","symbols":["a","\u00e9"," "]}})";
  REQUIRE(read_symbol_names(texts, {""}, 4, &names).ok());
  CHECK(names == std::vector<std::string>{"", "a", "é", " "});
  REQUIRE(read_symbol_names(R"({"vocabulary":{"level":"integers","symbols":[7,-1]}})", {""}, 3, &names).ok());
  CHECK(names == std::vector<std::string>{"", "7", "-1"});
}

TEST_CASE("a tokenizer's pieces have no names") {
  std::vector<std::string> names;
  REQUIRE(read_symbol_names(R"({"vocabulary":{"level":"tokenizer","size":9}})", {"", ""}, 11, &names).ok());
  CHECK(names.empty());
}

TEST_CASE("a vocabulary that does not fit the network is refused") {
  CHECK(refusal(R"({"vocabulary":{"level":"char","symbols":["a","b"]}})", 4).find("symbols are 3, ") == 0);
  CHECK(refusal(R"({"vocabulary":{"level":"char","symbols":["a","b"]}})", 2).find("symbols are more") == 0);
  CHECK(refusal(R"({"vocabulary":{"level":"char","symbols":["a",null]}})", 3).find("got 'null'") !=
        std::string::npos);
  CHECK(!refusal(R"({"vocabulary":{"level":"char","symbols":"ab"}})", 3).empty());
  CHECK(!refusal(R"({"vocabulary":{"level":"char"}})", 3).empty());
  CHECK(!refusal(R"({"vocabulary":[]})", 3).empty());
  CHECK(!refusal(R"({})", 3).empty());
}

}  // namespace
}  // namespace fastgru
