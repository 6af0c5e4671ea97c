// The metadata of a model file: format version, kind and configuration.
#include "spec/model_metadata.h"

#include <algorithm>
#include <array>
#include <deque>
#include <string>
#include <utility>

#include "io/checksum.h"
#include "io/json.h"

namespace fastgru {
namespace {

constexpr std::array<std::string_view, 5> kKeys = {"format", "format_version", "kind", "config",
                                                   "written_by"};
constexpr std::size_t kRequired = 4;  // the last key is optional

Status wrong(const std::string& what) { return {ErrorCode::model_format, what}; }

bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

bool has(const ModelMetadata& metadata, std::string_view key) {
  return std::any_of(metadata.begin(), metadata.end(), [&](auto& entry) { return entry.first == key; });
}

// The version as a number; 0 if the text is not a positive whole number.
int parse_version(std::string_view text) {
  constexpr std::size_t kMostDigits = 9;
  if (text.empty() || text.size() > kMostDigits || text[0] == '0') return 0;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return 0;
    value = value * 10 + (c - '0');
  }
  return value;
}

// The version is checked first, because a newer version may have other keys.
Status check_version(const ModelMetadata& metadata) {
  const std::string_view text = metadata_value(metadata, "format_version");
  const int version = parse_version(text);
  if (version == 0) {
    return wrong("metadata format_version must be a whole number from 1, got " + in_quotes(text));
  }
  if (version <= kModelFormatVersion) return {};
  const std::string writer = has(metadata, "written_by") ? in_quotes(metadata_value(metadata, "written_by"))
                                                         : "a fastgru that does not say which";
  return wrong("written by " + writer + " in format version " + std::string(text) +
               "; this is fastgru " FASTGRU_VERSION ", which reads up to format version " +
               std::to_string(kModelFormatVersion) + ": a newer fastgru is needed");
}

// Checks a value and everything nested in it. The reader limits the depth to 127 levels.
Status check_value(JsonReader& reader, const char* text) {
  JsonKind kind = JsonKind::null;
  bool more = false;
  FASTGRU_RETURN_IF_ERROR(reader.peek(&kind));
  if (kind == JsonKind::array) {
    FASTGRU_RETURN_IF_ERROR(reader.begin_array());
    while (true) {
      FASTGRU_RETURN_IF_ERROR(reader.next_element(&more));
      if (!more) return {};
      FASTGRU_RETURN_IF_ERROR(check_value(reader, text));
    }
  }
  if (kind != JsonKind::object) return reader.skip_value();
  std::deque<JsonSpan> keys;  // grows without a copy: a hostile object costs little more than its text
  FASTGRU_RETURN_IF_ERROR(reader.begin_object());
  while (true) {
    JsonSpan key;
    FASTGRU_RETURN_IF_ERROR(reader.next_key(&more, &key));
    if (!more) break;
    keys.push_back(key);
    FASTGRU_RETURN_IF_ERROR(check_value(reader, text));
  }
  const auto name = [&](const JsonSpan& span) { return std::string_view(text + span.begin, span.size); };
  std::sort(keys.begin(), keys.end(), [&](auto& a, auto& b) { return name(a) < name(b); });
  const auto twice =
      std::adjacent_find(keys.begin(), keys.end(), [&](auto& a, auto& b) { return name(a) == name(b); });
  return twice == keys.end() ? Status()
                             : wrong("an object has the key " + in_quotes(name(*twice)) + " twice");
}

Status check_key(const ModelMetadata& metadata, std::string_view key, std::string_view value) {
  if (std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end()) return {};
  const bool sealed = metadata_version(metadata) >= kFirstChecksum;
  if (sealed && key == kChecksumKey) return {};
  if (!sealed || !begins(key, kOwnPrefix)) {
    return wrong("metadata key " + in_quotes(key) + " is unknown in format version " +
                 std::string(metadata_value(metadata, "format_version")));
  }
  if (key.size() == kOwnPrefix.size()) return wrong("metadata key " + in_quotes(key) + " has no name");
  if (key.find('\0') == std::string_view::npos && value.find('\0') == std::string_view::npos) return {};
  return wrong("metadata " + in_quotes(key) + " holds a zero byte");
}

const char* name_of(JsonKind kind) {
  constexpr std::array<const char*, 6> kNames = {"null",     "a boolean", "a number",
                                                 "a string", "an array",  "an object"};
  return kNames[static_cast<std::size_t>(kind)];
}

// Removes the error's name and the position, which refer to the file's header.
std::string without_name(const std::string& message) {
  constexpr std::string_view kName = "InvalidHeaderJson: ", kEnd = " of the header";
  std::string text = message.substr(message.compare(0, kName.size(), kName) == 0 ? kName.size() : 0);
  const std::size_t end = text.rfind(kEnd);
  return end == std::string::npos ? text : text.substr(0, end);
}

Status check_config(std::string_view config) {
  constexpr std::string_view kInvalid = "metadata config is not valid JSON: ";
  std::string text(config);  // strings are decoded in place
  JsonReader reader(text.data(), text.size(), true);
  JsonKind kind = JsonKind::null;
  Status status = reader.peek(&kind);
  if (status.ok()) status = check_value(reader, text.data());
  if (status.ok()) status = reader.finish();
  if (!status.ok()) return wrong(std::string(kInvalid) + without_name(status.message()));
  if (kind == JsonKind::object) return {};
  return wrong(std::string("metadata config must be a JSON object, got ") + name_of(kind));
}

}  // namespace

std::string_view metadata_value(const ModelMetadata& metadata, std::string_view key) {
  const auto found =
      std::find_if(metadata.begin(), metadata.end(), [&](auto& entry) { return entry.first == key; });
  return found == metadata.end() ? std::string_view() : found->second;
}

int metadata_version(const ModelMetadata& metadata) {
  return parse_version(metadata_value(metadata, "format_version"));
}

OwnMetadata own_metadata(const ModelMetadata& metadata) {
  OwnMetadata own;
  for (const auto& [key, value] : metadata) {
    if (begins(key, kOwnPrefix)) own.emplace_back(key.substr(kOwnPrefix.size()), value);
  }
  return own;
}

NamedTexts model_metadata(std::string kind, std::string config, const OwnMetadata& own) {
  NamedTexts metadata = {{"format", "fastgru"},
                         {"format_version", std::to_string(kModelFormatVersion)},
                         {"written_by", "fastgru " FASTGRU_VERSION},
                         {std::string(kChecksumKey), std::string(kNoChecksum)},
                         {"kind", std::move(kind)},
                         {"config", std::move(config)}};
  for (const auto& [key, value] : own) metadata.emplace_back(std::string(kOwnPrefix) + key, value);
  return metadata;
}

Status check_metadata_count(std::size_t count) {
  constexpr std::size_t kMost = kMostOwn + kKeys.size() + 1;
  if (count <= kMost) return {};
  return wrong("metadata has " + std::to_string(count) + " keys, at most " + std::to_string(kMostOwn) +
               " may be the user's own");
}

Status check_model_version(const ModelMetadata& metadata) {
  if (metadata_value(metadata, "format") != "fastgru") {
    return wrong("a safetensors file, but not a fastgru model: its metadata does not say format=fastgru");
  }
  return check_version(metadata);
}

Status check_model_metadata(const ModelMetadata& metadata) {
  FASTGRU_RETURN_IF_ERROR(check_model_version(metadata));
  FASTGRU_RETURN_IF_ERROR(check_metadata_count(metadata.size()));
  for (std::size_t i = 0; i < kRequired; ++i) {
    if (!has(metadata, kKeys[i])) return wrong("metadata key " + in_quotes(kKeys[i]) + " is missing");
  }
  for (const auto& [key, value] : metadata) {
    FASTGRU_RETURN_IF_ERROR(check_key(metadata, key, value));
  }
  return check_config(metadata_value(metadata, "config"));
}

}  // namespace fastgru
