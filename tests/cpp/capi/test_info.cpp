// What an app can read of a model file besides its answers; the layout of the structure that tells it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "fastgru/fastgru.hpp"
#include "info_case.h"
#include "kernels/dispatch.h"

using namespace fastgru;

namespace {

// Programs compiled with an older header have these offsets in them.
#if UINTPTR_MAX > 0xFFFFFFFFU
static_assert(offsetof(fastgru_model_info, kind) == 8);
static_assert(offsetof(fastgru_model_info, input_size) == 40);
static_assert(offsetof(fastgru_model_info, num_parameters) == 80);
static_assert(offsetof(fastgru_model_info, every_step) == 88);
static_assert(offsetof(fastgru_model_info, is_float64) == 96);
static_assert(offsetof(fastgru_model_info, reset_after) == 100);
static_assert(offsetof(fastgru_model_info, format_version) == 108);
static_assert(offsetof(fastgru_model_info, missing_mask) == 112);
static_assert(offsetof(fastgru_model_info, vocabulary_size) == 120);
static_assert(offsetof(fastgru_model_info, num_metadata) == 144);
static_assert(offsetof(fastgru_model_info, frame_length) == 152);
#endif

Model load(const std::string& file) { return Model::load(file.data(), file.size()); }
Model load_classifier(const std::string& classes, std::int64_t outputs, const OwnMetadata& own = {}) {
  return load(fastgru_test::classifier_file(classes, outputs, own));
}

}  // namespace

TEST_CASE("info: a classifier tells its variant, its input, its classes and its scaling") {
  const Model model = load_classifier(R"(["no","y\u00e9s","\""])", 3);
  CHECK(model.kind() == "GRUClassifier");
  CHECK(model.input_size() == 2);
  CHECK(model.directions() == 2);
  CHECK_FALSE(model.reset_after());
  CHECK_FALSE(model.has_bias());
  CHECK(model.info().missing_mask == 1);
  CHECK(model.info().format_version == kModelFormatVersion);
  CHECK(model.info().vocabulary_size == 0);
  CHECK(model.info().num_quantiles == 0);
  CHECK(model.class_names() == std::vector<std::string>{"no", "yés", "\""});
  CHECK(fastgru_model_class_name(model.handle(), 3) == nullptr);
  CHECK(fastgru_model_class_name(model.handle(), -1) == nullptr);
  CHECK(model.field("pooling") == "mean");
  CHECK(model.field("loss") == "cross_entropy");
  CHECK(model.field("hidden_size") == "3");
  CHECK(model.field("dropout") == "0.0");
  CHECK(model.field("missing_mask") == "true");
  CHECK_THROWS_WITH_AS((void)model.field("color"), "the model has no field 'color'", Error);
  const Standardisation scaling = model.scaling();
  CHECK(scaling.x_mean.size() == 2);
  CHECK(scaling.y_scale == model.parameter("scaling.y_scale"));
  CHECK(scaling.y_mean == std::vector<double>(3, 0.0));
  CHECK(scaling.x_scale == std::vector<double>(2, 1.0));
}

TEST_CASE("info: numbers and booleans as classes, two for one output, and wrong ones") {
  CHECK(load_classifier("[-3, 2.5]", 2).class_names() == std::vector<std::string>{"-3", "2.5"});
  CHECK(load_classifier("[false,true]", 1).class_names() == std::vector<std::string>{"false", "true"});
  CHECK(load_classifier("[7]", 1).class_names() == std::vector<std::string>{"7"});
  const auto message = [](const std::string& classes) {
    try {
      (void)load_classifier(classes, 3);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("loaded");
  };
  CHECK(message("[1,2,3]") == "loaded");
  CHECK(message("[1,2]") == "classes are 2, but the network has 3 outputs");
  CHECK(message("[1,2,3,4]") == "classes are more than the network has outputs");
  CHECK(message("[1,2,null]") == "classes must be texts, numbers or booleans, got 'null'");
  CHECK(message("3") == "values must be a list, got '3'");
  CHECK(message("[1,2,3],\"more\":1") == "classes has the unknown field 'more'");
}

TEST_CASE("info: a layer has no classes, no scaling; parameters are found by name") {
  const Model model = load(fastgru_test::info_layer_file());
  CHECK(model.reset_after());
  CHECK(model.has_bias());
  CHECK(model.directions() == 1);
  CHECK(model.class_names().empty());
  CHECK(model.scaling().x_mean.empty());
  CHECK(model.metadata().empty());
  CHECK(model.field("precision") == "highest");
  CHECK(model.parameter("weight_ih_l0").size() == 18);
  CHECK(fastgru_model_parameter_size(model.handle(), "weight_hh_l0") == 27);
  CHECK(fastgru_model_parameter_size(model.handle(), "scaling.x_mean") == -1);
  CHECK_THROWS_WITH_AS((void)model.parameter("gru.weight_ih_l0"),
                       "the model has no parameter 'gru.weight_ih_l0'; it has 'weight_ih_l0'", Error);
  CHECK_THROWS_WITH_AS((void)model.parameter("weights"), "the model has no parameter 'weights'", Error);
  const Model estimator = load_classifier("[1,2,3]", 3);
  CHECK_THROWS_WITH_AS((void)estimator.parameter("weight_ih_l0"),
                       "the model has no parameter 'weight_ih_l0'; it has 'gru.weight_ih_l0'", Error);
}

TEST_CASE("info: the user's own metadata") {
  const OwnMetadata own = {{"sample_rate", "16000"}, {"unit", "°C\n"}, {"", "-"}};
  CHECK_THROWS_WITH_AS((void)load_classifier("[1,2,3]", 3, own), doctest::Contains("'user.' has no name"),
                       Error);
  const Model model = load_classifier("[1,2,3]", 3, {own.begin(), own.begin() + 2});
  CHECK(model.metadata() == std::map<std::string, std::string>{{"sample_rate", "16000"}, {"unit", "°C\n"}});
  CHECK(std::string(fastgru_model_metadata(model.handle(), "sample_rate")) == "16000");
  CHECK(fastgru_model_metadata(model.handle(), "rate") == nullptr);
  CHECK(fastgru_model_metadata(model.handle(), nullptr) == nullptr);
  CHECK(fastgru_model_metadata_key(model.handle(), 2) == nullptr);
  CHECK(fastgru_model_metadata(nullptr, "sample_rate") == nullptr);
  CHECK(fastgru_model_field(nullptr, "loss") == nullptr);
  CHECK_THROWS_WITH_AS((void)load_classifier("[1,2,3]", 3, {{"a", std::string("b\0c", 3)}}),
                       doctest::Contains("'user.a' holds a zero byte"), Error);
  OwnMetadata many;
  for (std::size_t i = 0; i < kMostOwn; ++i) many.emplace_back(std::to_string(i), "x");
  CHECK(load_classifier("[1,2,3]", 3, many).metadata().size() == kMostOwn);
  many.emplace_back("one more", "x");
  many.emplace_back("two more", "x");
  CHECK_THROWS_WITH_AS((void)load_classifier("[1,2,3]", 3, many), doctest::Contains("at most 1000"), Error);
}

TEST_CASE("info: the instruction set, and what was wrong with FASTGRU_ISA") {
  CHECK(isa() == active_isa());
  CHECK(app::isa_warning() == fastgru_isa_warning());
}

TEST_CASE("info: a program of an older header gets its fields and no byte more") {
  const Model model = load_classifier("[1,2,3]", 3);
  struct {
    fastgru_model_info info;
    unsigned char beyond[8];
  } room;
  for (const std::size_t size : {sizeof(size_t), offsetof(fastgru_model_info, reset_after),
                                 offsetof(fastgru_model_info, vocabulary_size), sizeof(room.info)}) {
    std::memset(&room, 0xA5, sizeof(room));
    room.info.struct_size = size;
    REQUIRE(fastgru_model_get_info(model.handle(), &room.info) == FASTGRU_OK);
    CHECK(room.info.struct_size == size);
    const auto* bytes = reinterpret_cast<const unsigned char*>(&room);
    CHECK(std::all_of(bytes + size, bytes + sizeof(room), [](unsigned char byte) { return byte == 0xA5; }));
  }
}
