// The C functions of fastgru.h over model/. Arguments are checked here, and no exception leaves this file.
#include "fastgru/fastgru.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capi/guard.h"
#include "kernels/dispatch.h"
#include "model/model.h"

struct fastgru_stream {
  std::unique_ptr<fastgru::ModelStream> stream;
};

namespace {

using fastgru::Status;
using fastgru::capi::guarded;
using fastgru::capi::missing;
using fastgru::capi::StateHeader;

template <class X>
fastgru_status forward(const fastgru_model* model, const fastgru::SequenceCall<X>& call,
                       fastgru_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    if (model == nullptr) return missing("model");
    return model->model->forward(call);
  });
}

template <class List>
bool has_place(const List& list, std::int64_t index) noexcept {
  return index >= 0 && index < static_cast<std::int64_t>(list.size());
}

// The value of a key; null if there is none.
const char* value_of(const fastgru::NamedTexts& texts, std::string_view key) noexcept {
  const auto found = std::find_if(texts.begin(), texts.end(), [&](auto& each) { return each.first == key; });
  return found == texts.end() ? nullptr : found->second.c_str();
}

StateHeader header_of(const fastgru::ModelStream& stream) noexcept {
  return {{'f', 'g', 'r', 'u', 's', 't', '0', '1'}, stream.rows(), stream.state_bytes()};
}

}  // namespace

uint32_t fastgru_abi_version(void) noexcept { return FASTGRU_ABI_VERSION; }
const char* fastgru_version(void) noexcept { return FASTGRU_VERSION; }
const char* fastgru_isa(void) noexcept { return fastgru::active_kernel_set().name; }
const char* fastgru_isa_warning(void) noexcept { return fastgru::isa_warning().c_str(); }

const char* fastgru_status_name(fastgru_status status) noexcept {
  switch (status) {
    case FASTGRU_OK:
      return "ok";
    case FASTGRU_INVALID_ARGUMENT:
      return "invalid argument";
    case FASTGRU_OUT_OF_MEMORY:
      return "out of memory";
    case FASTGRU_IO_ERROR:
      return "file cannot be read";
    case FASTGRU_MODEL_FORMAT:
      return "not a good model file";
    case FASTGRU_INTERNAL:
      return "internal error";
  }
  return "unknown status";
}

fastgru_status fastgru_model_load(const char* path, fastgru_model** result, fastgru_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    if (path == nullptr) return missing("path");
    if (result == nullptr) return missing("result");
    auto fresh = std::make_unique<fastgru_model>();
    FASTGRU_RETURN_IF_ERROR(fastgru::load_model(std::filesystem::u8path(path), fresh->model));
    *result = fresh.release();
    return {};
  });
}

fastgru_status fastgru_model_load_memory(const void* bytes, size_t size, fastgru_model** result,
                                         fastgru_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    if (bytes == nullptr) return missing("bytes");
    if (result == nullptr) return missing("result");
    auto fresh = std::make_unique<fastgru_model>();
    FASTGRU_RETURN_IF_ERROR(fastgru::load_model(bytes, size, fresh->model));
    *result = fresh.release();
    return {};
  });
}

void fastgru_model_free(fastgru_model* model) noexcept { delete model; }

fastgru_status fastgru_model_get_info(const fastgru_model* model, fastgru_model_info* info) noexcept {
  if (model == nullptr || info == nullptr || info->struct_size < sizeof(size_t)) {
    return FASTGRU_INVALID_ARGUMENT;
  }
  const fastgru::ModelInfo& from = model->model->info();
  fastgru_model_info full = {};
  full.struct_size = std::min(info->struct_size, sizeof(full));
  const std::size_t length = std::min(from.kind.size(), sizeof(full.kind) - 1);
  std::memcpy(full.kind, from.kind.data(), length);
  full.input_size = from.input_size;
  full.output_size = from.output_size;
  full.hidden_size = from.hidden_size;
  full.num_layers = from.num_layers;
  full.num_directions = from.directions;
  full.num_parameters = from.parameters;
  full.every_step = from.every_step ? 1 : 0;
  full.can_stream = from.can_stream() ? 1 : 0;
  full.is_float64 = from.is_double ? 1 : 0;
  full.reset_after = from.reset_after ? 1 : 0;
  full.has_bias = from.bias ? 1 : 0;
  full.format_version = from.format_version;
  full.missing_mask = from.missing_mask ? 1 : 0;
  full.vocabulary_size = from.vocabulary_size;
  full.num_quantiles = from.quantiles;
  full.num_classes = static_cast<std::int64_t>(from.classes.size());
  full.num_metadata = static_cast<std::int64_t>(from.metadata.size());
  full.frame_length = from.frame_length;
  full.frame_step = from.frame_step;
  std::memcpy(info, &full, full.struct_size);
  return FASTGRU_OK;
}

const char* fastgru_model_class_name(const fastgru_model* model, int64_t index) noexcept {
  if (model == nullptr) return nullptr;
  const auto& classes = model->model->info().classes;
  return has_place(classes, index) ? classes[static_cast<std::size_t>(index)].c_str() : nullptr;
}

const char* fastgru_model_metadata(const fastgru_model* model, const char* key) noexcept {
  return model == nullptr || key == nullptr ? nullptr : value_of(model->model->info().metadata, key);
}

const char* fastgru_model_metadata_key(const fastgru_model* model, int64_t index) noexcept {
  if (model == nullptr) return nullptr;
  const auto& metadata = model->model->info().metadata;
  return has_place(metadata, index) ? metadata[static_cast<std::size_t>(index)].first.c_str() : nullptr;
}

const char* fastgru_model_field(const fastgru_model* model, const char* name) noexcept {
  return model == nullptr || name == nullptr ? nullptr : value_of(model->model->info().fields, name);
}

int64_t fastgru_model_parameter_size(const fastgru_model* model, const char* name) noexcept {
  return model == nullptr || name == nullptr ? -1 : model->model->parameter_size(name);
}

fastgru_status fastgru_model_get_parameter(const fastgru_model* model, const char* name, double* values,
                                           int64_t count, fastgru_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    if (model == nullptr) return missing("model");
    if (name == nullptr) return missing("name");
    if (values == nullptr) return missing("values");
    return model->model->parameter(name, values, count);
  });
}

fastgru_status fastgru_model_forward(const fastgru_model* model, const float* x, int64_t rows, int64_t steps,
                                     const int64_t* lengths, float* y, int32_t num_threads,
                                     fastgru_error* error) noexcept {
  return forward<float>(model, {x, rows, steps, lengths, y, num_threads}, error);
}

fastgru_status fastgru_model_forward_f64(const fastgru_model* model, const double* x, int64_t rows,
                                         int64_t steps, const int64_t* lengths, double* y,
                                         int32_t num_threads, fastgru_error* error) noexcept {
  return forward<double>(model, {x, rows, steps, lengths, y, num_threads}, error);
}

fastgru_status fastgru_stream_new(const fastgru_model* model, int64_t rows, fastgru_stream** result,
                                  fastgru_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    if (model == nullptr) return missing("model");
    if (result == nullptr) return missing("result");
    auto fresh = std::make_unique<fastgru_stream>();
    FASTGRU_RETURN_IF_ERROR(model->model->stream(rows, fresh->stream));
    *result = fresh.release();
    return {};
  });
}

fastgru_status fastgru_stream_copy(const fastgru_stream* stream, fastgru_stream** result,
                                   fastgru_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    if (stream == nullptr) return missing("stream");
    if (result == nullptr) return missing("result");
    auto fresh = std::make_unique<fastgru_stream>();
    FASTGRU_RETURN_IF_ERROR(stream->stream->copy(fresh->stream));
    *result = fresh.release();
    return {};
  });
}

void fastgru_stream_free(fastgru_stream* stream) noexcept { delete stream; }
int32_t fastgru_stream_answered(const fastgru_stream* stream) noexcept {
  return stream->stream->answered() ? 1 : 0;
}

int64_t fastgru_stream_rows(const fastgru_stream* stream) noexcept { return stream->stream->rows(); }

void fastgru_stream_step(fastgru_stream* stream, const float* x, float* y) noexcept {
  stream->stream->step(x, y);
}
void fastgru_stream_step_f64(fastgru_stream* stream, const double* x, double* y) noexcept {
  stream->stream->step(x, y);
}
void fastgru_stream_reset(fastgru_stream* stream) noexcept { stream->stream->reset(); }

size_t fastgru_stream_state_size(const fastgru_stream* stream) noexcept {
  return fastgru::capi::state_size(*stream->stream);
}

fastgru_status fastgru_stream_save(const fastgru_stream* stream, void* to, size_t size) noexcept {
  if (stream == nullptr) return FASTGRU_INVALID_ARGUMENT;
  return fastgru::capi::save_state(*stream->stream, header_of(*stream->stream), to, size);
}

fastgru_status fastgru_stream_restore(fastgru_stream* stream, const void* from, size_t size) noexcept {
  if (stream == nullptr) return FASTGRU_INVALID_ARGUMENT;
  return fastgru::capi::restore_state(*stream->stream, header_of(*stream->stream), from, size);
}
