// The metadata of a model file (docs/model-file.md), with the checks that Python and C++ share.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/status.h"

namespace fastgru {

// The newest format version that this code reads, and the version that it writes.
constexpr int kModelFormatVersion = 3;
constexpr int kFirstChecksum = 3;  // the first version with a checksum and with metadata of the user's own

// The user's own metadata: a model file has each key behind this prefix.
inline constexpr std::string_view kOwnPrefix = "user.";
constexpr std::size_t kMostOwn = 1000;  // so that a hostile header costs little more than its text

using ModelMetadata = std::vector<std::pair<std::string_view, std::string_view>>;

// The value of a key, or an empty text if the key is missing.
std::string_view metadata_value(const ModelMetadata& metadata, std::string_view key);

// Whether this is the metadata of a model file, of a version that this code reads.
Status check_model_version(const ModelMetadata& metadata);

// The format_version of metadata that has passed check_model_version().
int metadata_version(const ModelMetadata& metadata);

using NamedTexts = std::vector<std::pair<std::string, std::string>>;
using OwnMetadata = NamedTexts;

// The user's own keys, without their prefix, and their values.
OwnMetadata own_metadata(const ModelMetadata& metadata);

// A limit on the number of keys, which check_model_metadata() checks too.
Status check_metadata_count(std::size_t count);

// Checks all keys, the version and the configuration: a JSON object in which no key comes twice, every number
// fits a double, and nothing is nested deeper than 127 levels. Errors are model_format Statuses.
Status check_model_metadata(const ModelMetadata& metadata);

// The metadata of a new file, of which write_safetensors() fills in the checksum. `kind`: one of
// model_kinds(); `config`: a JSON object; `own`: the user's own keys, without their prefix.
NamedTexts model_metadata(std::string kind, std::string config, const OwnMetadata& own);

}  // namespace fastgru
