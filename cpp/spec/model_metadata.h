// The metadata of a model file, as docs/model-file.md has it: the one check that Python and C++ share.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/status.h"

namespace fastgru {

// The newest version of the format that this code reads, and the one that it writes.
constexpr int kModelFormatVersion = 2;

using ModelMetadata = std::vector<std::pair<std::string_view, std::string_view>>;

// The value of a key; the empty text if there is none.
std::string_view metadata_value(const ModelMetadata& metadata, std::string_view key);

// The format_version of metadata that has passed check_model_metadata().
int metadata_version(const ModelMetadata& metadata);

// Every key, the version, and that the configuration is a JSON object in which no object has a key twice, no
// number exceeds the doubles, and nothing is nested deeper than 127 levels. Errors are model_format Statuses.
Status check_model_metadata(const ModelMetadata& metadata);

// What the file of a model says of it: `kind` is one of model_kinds(), `config` a JSON object.
std::vector<std::pair<std::string, std::string>> model_metadata(std::string kind, std::string config);

}  // namespace fastgru
