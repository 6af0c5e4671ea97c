// A model file from the disk or from memory, with the checks that do not depend on its kind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/safetensors.h"
#include "runtime/status.h"
#include "spec/model_metadata.h"

namespace fastgru {

class ModelFile {
 public:
  static Status open(const std::filesystem::path& path, ModelFile* file, int* os_error = nullptr);
  // The bytes must stay valid as long as the ModelFile is used.
  static Status parse(const void* bytes, std::size_t size, ModelFile* file);

  std::string_view kind() const { return kind_; }
  std::string_view config() const { return config_; }  // a JSON object
  int version() const { return version_; }             // of the format
  const OwnMetadata& own_metadata() const { return own_; }

  std::size_t tensor_count() const { return by_name_.size(); }
  std::string_view tensor_name(std::size_t index) const { return by_name_[index].first; }
  bool has(std::string_view name) const { return place_of(name) < by_name_.size(); }
  // Finds a tensor of this dtype and shape; an error if it is missing. An empty `shape` allows any shape, a
  // negative length any length.
  Status find(std::string_view name, TensorDtype dtype, const std::vector<std::int64_t>& shape,
              TensorInfo* tensor) const;
  Status read(const TensorInfo& tensor, void* to) const;

 private:
  const SafetensorsHeader& header() const { return bytes_ == nullptr ? file_.header() : memory_; }
  std::size_t place_of(std::string_view name) const;
  Status check(int* os_error = nullptr);
  Status read_bytes(std::uint64_t offset, void* to, std::uint64_t size, int* os_error) const;

  SafetensorsFile file_;
  SafetensorsHeader memory_;
  const char* bytes_ = nullptr;
  std::size_t size_ = 0;  // of bytes_
  std::string_view kind_, config_;
  int version_ = 0;
  OwnMetadata own_;
  // Sorted by name; the number is the tensor's index in the header.
  std::vector<std::pair<std::string_view, std::uint32_t>> by_name_;
};

}  // namespace fastgru
