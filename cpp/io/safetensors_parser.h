// Parses and checks a safetensors header: the implementation of SafetensorsHeader::parse. Only
// safetensors.cpp includes this file.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "io/json.h"
#include "io/safetensors.h"
#include "io/safetensors_format.h"
#include "runtime/status.h"

namespace fastgru {

// Dtypes of the format that NumPy lacks.
inline constexpr std::array<std::string_view, 9> kOtherDtypes = {
    "F4", "F6_E2M3", "F6_E3M2", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "BF16"};

// Reads the JSON into the header, then checks it. Messages begin with the name of the error.
class SafetensorsHeader::Parser {
 public:
  explicit Parser(SafetensorsHeader* header)
      : header_(*header), json_(header->json_.data(), header->json_.size()) {}

  Status run(std::uint64_t data_size) {
    std::size_t bad = 0;
    if (!is_utf8({header_.json_.data(), header_.json_.size()}, &bad)) {
      return model_error("InvalidHeaderUtf8", "byte " + std::to_string(bad) + " of the header is not UTF-8");
    }
    FASTGRU_RETURN_IF_ERROR(read_top());
    FASTGRU_RETURN_IF_ERROR(check_duplicates());
    return check_layout(data_size);
  }

 private:
  Status read_top() {
    FASTGRU_RETURN_IF_ERROR(json_.begin_object());
    bool has_metadata = false;
    while (true) {
      bool more = false;
      JsonSpan key;
      FASTGRU_RETURN_IF_ERROR(json_.next_key(&more, &key));
      if (!more) return json_.finish();
      if (header_.text(key) != kMetadataKey) {
        FASTGRU_RETURN_IF_ERROR(read_tensor(key));
      } else if (std::exchange(has_metadata, true)) {
        return model_error("DuplicateKey", "the header has two keys '__metadata__'");
      } else {
        FASTGRU_RETURN_IF_ERROR(read_metadata());
      }
    }
  }

  // The metadata: null, or an object of strings.
  Status read_metadata() {
    JsonKind kind = JsonKind::null;
    FASTGRU_RETURN_IF_ERROR(json_.peek(&kind));
    if (kind == JsonKind::null) return json_.read_null();
    if (kind != JsonKind::object) return model_error("InvalidMetadata", "'__metadata__' is not an object");
    FASTGRU_RETURN_IF_ERROR(json_.begin_object());
    while (true) {
      bool more = false;
      std::pair<JsonSpan, JsonSpan> entry;
      FASTGRU_RETURN_IF_ERROR(json_.next_key(&more, &entry.first));
      if (!more) return {};
      FASTGRU_RETURN_IF_ERROR(json_.peek(&kind));
      if (kind != JsonKind::string) {
        return model_error("InvalidMetadata",
                           "the value of " + in_quotes(header_.text(entry.first)) + " is not a string");
      }
      FASTGRU_RETURN_IF_ERROR(json_.read_string(&entry.second));
      header_.metadata_.push_back(entry);
    }
  }

  // {"dtype": …, "shape": …, "data_offsets": …} in any order; other keys are ignored. Like the package, also
  // accepts the three values in an array.
  Status read_tensor(const JsonSpan& name) {
    tensor_ = Tensor();
    tensor_.name = name;
    JsonKind kind = JsonKind::null;
    FASTGRU_RETURN_IF_ERROR(json_.peek(&kind));
    if (kind == JsonKind::object) {
      FASTGRU_RETURN_IF_ERROR(read_fields());
    } else if (kind == JsonKind::array) {
      FASTGRU_RETURN_IF_ERROR(read_sequence());
    } else {
      return wrong("InvalidTensorEntry", "its entry is not an object");
    }
    header_.tensors_.push_back(tensor_);
    return {};
  }

  Status read_fields() {
    std::array<bool, 3> seen = {false, false, false};
    FASTGRU_RETURN_IF_ERROR(json_.begin_object());
    while (true) {
      bool more = false;
      JsonSpan key;
      FASTGRU_RETURN_IF_ERROR(json_.next_key(&more, &key));
      if (!more) break;
      const auto field = std::find(kFields.begin(), kFields.end(), header_.text(key));
      if (field == kFields.end()) {
        FASTGRU_RETURN_IF_ERROR(json_.skip_value());
        continue;
      }
      const auto index = static_cast<std::size_t>(field - kFields.begin());
      if (std::exchange(seen[index], true)) return wrong("DuplicateKey", "two keys " + in_quotes(*field));
      FASTGRU_RETURN_IF_ERROR(read_field(index));
    }
    const auto missing = std::find(seen.begin(), seen.end(), false);
    if (missing == seen.end()) return {};
    const auto index = static_cast<std::size_t>(missing - seen.begin());
    return wrong("InvalidTensorEntry", "no key " + in_quotes(kFields[index]));
  }

  Status read_sequence() {
    bool more = false;
    FASTGRU_RETURN_IF_ERROR(json_.begin_array());
    for (std::size_t index = 0; index < kFields.size(); ++index) {
      FASTGRU_RETURN_IF_ERROR(json_.next_element(&more));
      if (!more) return wrong("InvalidTensorEntry", "no " + in_quotes(kFields[index]));
      FASTGRU_RETURN_IF_ERROR(read_field(index));
    }
    FASTGRU_RETURN_IF_ERROR(json_.next_element(&more));
    return more ? wrong("InvalidTensorEntry", "more than three values") : Status();
  }

  Status read_field(std::size_t index) {
    JsonKind kind = JsonKind::null;
    FASTGRU_RETURN_IF_ERROR(json_.peek(&kind));
    if (index == 0) return read_dtype(kind);
    if (kind != JsonKind::array)
      return wrong("InvalidTensorEntry", in_quotes(kFields[index]) + " is not an array");
    return index == 1 ? read_shape() : read_offsets();
  }

  // "F32", or {"F32": null}, which the package accepts as well.
  Status read_dtype(JsonKind kind) {
    JsonSpan name;
    if (kind == JsonKind::string) {
      FASTGRU_RETURN_IF_ERROR(json_.read_string(&name));
      return set_dtype(header_.text(name));
    }
    bool more = false;
    if (kind != JsonKind::object) return wrong("InvalidTensorEntry", "'dtype' is not a string");
    FASTGRU_RETURN_IF_ERROR(json_.begin_object());
    FASTGRU_RETURN_IF_ERROR(json_.next_key(&more, &name));
    if (more) FASTGRU_RETURN_IF_ERROR(json_.peek(&kind));
    if (!more || kind != JsonKind::null) return wrong("InvalidTensorEntry", "'dtype' is not a string");
    FASTGRU_RETURN_IF_ERROR(json_.read_null());
    FASTGRU_RETURN_IF_ERROR(set_dtype(header_.text(name)));
    FASTGRU_RETURN_IF_ERROR(json_.next_key(&more, &name));
    return more ? wrong("InvalidTensorEntry", "'dtype' is not a string") : Status();
  }

  Status set_dtype(std::string_view name) {
    for (std::size_t index = 0; index < kTensorDtypes; ++index) {
      tensor_.dtype = static_cast<TensorDtype>(index);
      if (name == dtype_name(tensor_.dtype)) return {};
    }
    if (std::find(kOtherDtypes.begin(), kOtherDtypes.end(), name) != kOtherDtypes.end()) {
      return wrong("UnsupportedDtype", "NumPy has no type for dtype " + in_quotes(name));
    }
    return wrong("UnknownDtype", "dtype " + in_quotes(name) + " is not one of the format's");
  }

  Status read_unsigned(const char* of, std::uint64_t* value) {
    JsonKind kind = JsonKind::null;
    FASTGRU_RETURN_IF_ERROR(json_.peek(&kind));
    JsonNumber number;
    if (kind == JsonKind::number) FASTGRU_RETURN_IF_ERROR(json_.read_number(&number));
    if (!number.is_unsigned) {
      return wrong("InvalidTensorEntry",
                   std::string("'") + of + "' holds something else than integers of 0 to 2^64 - 1");
    }
    *value = number.value;
    return {};
  }

  Status read_shape() {
    tensor_.shape = static_cast<std::uint32_t>(json_.position());
    FASTGRU_RETURN_IF_ERROR(json_.begin_array());
    for (std::size_t count = 0;; ++count) {
      bool more = false;
      std::uint64_t length = 0;
      FASTGRU_RETURN_IF_ERROR(json_.next_element(&more));
      if (!more) return {};
      if (count == kMaxDimensions) return wrong("TooManyDimensions", "more than 64, the most NumPy has");
      FASTGRU_RETURN_IF_ERROR(read_unsigned("shape", &length));
    }
  }

  Status read_offsets() {
    bool more = false;
    FASTGRU_RETURN_IF_ERROR(json_.begin_array());
    for (std::uint64_t* offset : {&tensor_.begin, &tensor_.end}) {
      FASTGRU_RETURN_IF_ERROR(json_.next_element(&more));
      if (!more) return wrong("InvalidTensorEntry", "'data_offsets' has fewer than two numbers");
      FASTGRU_RETURN_IF_ERROR(read_unsigned("data_offsets", offset));
    }
    FASTGRU_RETURN_IF_ERROR(json_.next_element(&more));
    return more ? wrong("InvalidTensorEntry", "'data_offsets' has more than two numbers") : Status();
  }

  // Sorts the metadata, and the tensors by name; check_layout() sorts the tensors again.
  Status check_duplicates() {
    auto text = [this](const JsonSpan& span) { return header_.text(span); };
    auto& metadata = header_.metadata_;
    std::sort(metadata.begin(), metadata.end(),
              [&](auto& a, auto& b) { return text(a.first) < text(b.first); });
    const auto key = std::adjacent_find(metadata.begin(), metadata.end(),
                                        [&](auto& a, auto& b) { return text(a.first) == text(b.first); });
    if (key != metadata.end()) {
      return model_error("DuplicateKey", "'__metadata__' has two keys " + in_quotes(text(key->first)));
    }
    auto& tensors = header_.tensors_;
    std::sort(tensors.begin(), tensors.end(), [&](auto& a, auto& b) { return text(a.name) < text(b.name); });
    const auto tensor = std::adjacent_find(tensors.begin(), tensors.end(),
                                           [&](auto& a, auto& b) { return text(a.name) == text(b.name); });
    if (tensor == tensors.end()) return {};
    return model_error("DuplicateKey", "the header has two tensors " + in_quotes(text(tensor->name)));
  }

  // Checks that each tensor begins where the one before it ends, and that the last one ends with the file.
  Status check_layout(std::uint64_t data_size) {
    auto& tensors = header_.tensors_;
    std::sort(tensors.begin(), tensors.end(), [this](auto& a, auto& b) {
      return std::make_tuple(a.begin, a.end, header_.text(a.name)) <
             std::make_tuple(b.begin, b.end, header_.text(b.name));
    });
    std::uint64_t end = 0;
    for (const Tensor& tensor : tensors) {
      tensor_ = tensor;
      if (tensor.begin > end) return wrong("InvalidOffset", "a hole before it: " + offsets(end));
      if (tensor.begin < end) return wrong("InvalidOffset", "it overlaps the one before: " + offsets(end));
      if (tensor.end < tensor.begin)
        return wrong("InvalidOffset", "it ends before it begins: " + offsets(end));
      std::uint64_t size = 0;
      if (!byte_size(header_.shape_of(tensor), tensor.dtype, &size)) {
        return wrong("ValidationOverflow",
                     "its shape times the size of " + std::string(dtype_name(tensor.dtype)) + " overflows");
      }
      end = tensor.end;
      if (end - tensor.begin == size) continue;
      return wrong("TensorInvalidInfo", "shape and dtype " + std::string(dtype_name(tensor.dtype)) +
                                            " need " + std::to_string(size) + " bytes, data_offsets give " +
                                            std::to_string(end - tensor.begin));
    }
    if (end == data_size) return {};
    return model_error("MetadataIncompleteBuffer", "the tensors take " + std::to_string(end) +
                                                       " bytes, but the file has " +
                                                       std::to_string(data_size) + " after its header");
  }

  std::string offsets(std::uint64_t expected) const {
    return "data_offsets are [" + std::to_string(tensor_.begin) + ", " + std::to_string(tensor_.end) +
           "], expected [" + std::to_string(expected) + ", …]";
  }

  Status wrong(const char* error, const std::string& what) const {
    return model_error(error, "tensor " + in_quotes(header_.text(tensor_.name)) + ": " + what);
  }

  static constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};

  SafetensorsHeader& header_;
  JsonReader json_;
  Tensor tensor_;  // the tensor that is being read or checked
};

}  // namespace fastgru
