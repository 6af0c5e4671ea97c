// The metadata of a model file (docs/model-file.md), with the checks that Python and C++ share.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/status.h"

namespace fastgru {

// The newest format version that this code reads, and the version that it writes.
constexpr int kModelFormatVersion = 2;

using ModelMetadata = std::vector<std::pair<std::string_view, std::string_view>>;

// The value of a key, or an empty text if the key is missing.
std::string_view metadata_value(const ModelMetadata& metadata, std::string_view key);

// The format_version of metadata that has passed check_model_metadata().
int metadata_version(const ModelMetadata& metadata);

// Checks all keys, the version and the configuration: a JSON object in which no key comes twice, every number
// fits a double, and nothing is nested deeper than 127 levels. Errors are model_format Statuses.
Status check_model_metadata(const ModelMetadata& metadata);

// The metadata of a new file. `kind`: one of model_kinds(); `config`: a JSON object.
std::vector<std::pair<std::string, std::string>> model_metadata(std::string kind, std::string config);

}  // namespace fastgru
