// Names, shapes and offsets of the parameters; invalid configurations.
#include "engine/params.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gru_case.h"

namespace {

using fastgru::GruConfig;
using fastgru::ParamLayout;
using fastgru::ParamSlot;

GruConfig sized(std::int64_t input, std::int64_t hidden, std::int64_t layers) {
  GruConfig config;
  config.input_size = input;
  config.hidden_size = hidden;
  config.num_layers = layers;
  return config;
}

struct Wanted {
  const char* name;
  std::int64_t rows, cols;
};

void check_slots(const GruConfig& config, const std::vector<Wanted>& wanted) {
  const ParamLayout layout(config);
  REQUIRE(layout.slots().size() == wanted.size());
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const ParamSlot& slot = layout.slots()[i];
    CAPTURE(wanted[i].name);
    CHECK(slot.name == wanted[i].name);
    CHECK(slot.rows == wanted[i].rows);
    CHECK(slot.cols == wanted[i].cols);
    CHECK(slot.offset == offset);
    CHECK(slot.size() == wanted[i].rows * (wanted[i].cols == 0 ? 1 : wanted[i].cols));
    offset += slot.size();
  }
  CHECK(layout.total() == offset);
}

std::string refusal(const GruConfig& config) {
  const fastgru::Status status = fastgru::validate(config);
  CHECK((status.ok() || status.code() == fastgru::ErrorCode::invalid_argument));
  return status.message();
}

}  // namespace

TEST_CASE("parameters: names, shapes and order are those of torch's state_dict") {
  check_slots(
      sized(3, 5, 1),
      {{"weight_ih_l0", 15, 3}, {"weight_hh_l0", 15, 5}, {"bias_ih_l0", 15, 0}, {"bias_hh_l0", 15, 0}});
  GruConfig deep = sized(2, 4, 2);
  deep.bidirectional = true;
  check_slots(deep, {{"weight_ih_l0", 12, 2},
                     {"weight_hh_l0", 12, 4},
                     {"bias_ih_l0", 12, 0},
                     {"bias_hh_l0", 12, 0},
                     {"weight_ih_l0_reverse", 12, 2},
                     {"weight_hh_l0_reverse", 12, 4},
                     {"bias_ih_l0_reverse", 12, 0},
                     {"bias_hh_l0_reverse", 12, 0},
                     {"weight_ih_l1", 12, 8},
                     {"weight_hh_l1", 12, 4},
                     {"bias_ih_l1", 12, 0},
                     {"bias_hh_l1", 12, 0},
                     {"weight_ih_l1_reverse", 12, 8},
                     {"weight_hh_l1_reverse", 12, 4},
                     {"bias_ih_l1_reverse", 12, 0},
                     {"bias_hh_l1_reverse", 12, 0}});
  GruConfig bare = sized(7, 1, 2);
  bare.bias = false;
  check_slots(
      bare, {{"weight_ih_l0", 3, 7}, {"weight_hh_l0", 3, 1}, {"weight_ih_l1", 3, 1}, {"weight_hh_l1", 3, 1}});
}

TEST_CASE("parameters: a cell's offsets are those of the tensors of its layer and direction") {
  fastgru::testing::for_each_config([](const GruConfig& config) {
    const ParamLayout layout(config);
    CHECK(layout.config().num_layers == config.num_layers);
    const auto offset_of = [&](const std::string& name) {
      for (const ParamSlot& slot : layout.slots()) {
        if (slot.name == name) return slot.offset;
      }
      return std::int64_t{-1};
    };
    for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
      for (std::int64_t direction = 0; direction < config.directions(); ++direction) {
        const std::string end = "_l" + std::to_string(layer) + (direction == 1 ? "_reverse" : "");
        const fastgru::CellOffsets& cell = layout.cell(layer, direction);
        REQUIRE(cell.weight_ih >= 0);
        CHECK(cell.weight_ih == offset_of("weight_ih" + end));
        CHECK(cell.weight_hh == offset_of("weight_hh" + end));
        CHECK(cell.bias_ih == offset_of("bias_ih" + end));  // -1 without bias
        CHECK(cell.bias_hh == offset_of("bias_hh" + end));
        CHECK((cell.bias_ih >= 0) == config.bias);
      }
    }
  });
}

TEST_CASE("parameters: a configuration that cannot be is refused, with the value that came") {
  CHECK(refusal(sized(1, 1, 1)).empty());
  CHECK(refusal(sized(0, 1, 1)) == "input_size must be at least 1, got 0");
  CHECK(refusal(sized(1, -3, 1)) == "hidden_size must be at least 1, got -3");
  CHECK(refusal(sized(1, 1, 0)) == "num_layers must be at least 1, got 0");
  CHECK(refusal(sized(1, 1, 65536)).empty());
  CHECK(refusal(sized(1, 1, 65537)) == "num_layers must be at most 65536, got 65537");
  for (const double dropout : {-0.1, 1.0, 2.0, std::numeric_limits<double>::quiet_NaN()}) {
    GruConfig config = sized(1, 1, 1);
    config.dropout = dropout;
    CHECK(refusal(config).find("dropout must be in [0, 1), got ") == 0);
  }
  for (const double dropout : {0.0, 0.5, 0.999}) {
    GruConfig config = sized(1, 1, 1);
    config.dropout = dropout;
    CHECK(refusal(config).empty());
  }
}

TEST_CASE("parameters: sizes whose count would overflow are refused, those that fit are not") {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  for (const GruConfig& config :
       {sized(most, 1, 1), sized(1, most, 1), sized(most, most, 1), sized(most / 3, 2, 1),
        sized(1, std::int64_t{1} << 31, 1), sized(1, std::int64_t{1} << 24, 65536),
        sized(std::int64_t{1} << 40, std::int64_t{1} << 20, 1)}) {
    CHECK(refusal(config).find("need more parameters than can be counted") != std::string::npos);
  }
  for (const GruConfig& config :
       {sized(1, std::int64_t{1} << 20, 1), sized(std::int64_t{1} << 30, 1000, 2)}) {
    CHECK(refusal(config).empty());
    CHECK(ParamLayout(config).total() > 0);
  }
}
