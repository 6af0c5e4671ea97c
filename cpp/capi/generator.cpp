// The C functions of fastgru.h that generate with a language model.
#include <cstdint>
#include <memory>
#include <string>

#include "capi/guard.h"
#include "fastgru/fastgru.h"
#include "model/model.h"

struct fastgru_generator {
  std::unique_ptr<fastgru::ModelGenerator> generator;
};

namespace {

using fastgru::DrawOptions;
using fastgru::ModelGenerator;
using fastgru::Status;
using fastgru::capi::guarded;
using fastgru::capi::missing;
using fastgru::capi::StateHeader;

StateHeader header_of(const ModelGenerator& generator) noexcept {
  return {{'f', 'g', 'r', 'u', 'g', 'e', '0', '1'}, generator.rows(), generator.state_bytes()};
}

// False: the struct is not of this header.
bool read_sampling(const fastgru_sampling* from, DrawOptions* to) noexcept {
  if (from == nullptr || from->struct_size < sizeof(fastgru_sampling)) return false;
  *to = {from->temperature, from->top_p, from->top_k, from->seed};
  return true;
}

}  // namespace

void fastgru_sampling_init(fastgru_sampling* sampling) noexcept {
  const DrawOptions defaults;
  *sampling = {sizeof(fastgru_sampling), defaults.temperature, defaults.top_p, defaults.top_k, defaults.seed};
}

fastgru_status fastgru_generator_new(const fastgru_model* model, int64_t rows, fastgru_generator** result,
                                     fastgru_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    if (model == nullptr) return missing("model");
    if (result == nullptr) return missing("result");
    auto fresh = std::make_unique<fastgru_generator>();
    FASTGRU_RETURN_IF_ERROR(model->model->generator(rows, fresh->generator));
    *result = fresh.release();
    return {};
  });
}

fastgru_status fastgru_generator_copy(const fastgru_generator* generator, fastgru_generator** result,
                                      fastgru_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    if (generator == nullptr) return missing("generator");
    if (result == nullptr) return missing("result");
    auto fresh = std::make_unique<fastgru_generator>();
    FASTGRU_RETURN_IF_ERROR(generator->generator->copy(fresh->generator));
    *result = fresh.release();
    return {};
  });
}

void fastgru_generator_free(fastgru_generator* generator) noexcept { delete generator; }

int64_t fastgru_generator_rows(const fastgru_generator* generator) noexcept {
  return generator->generator->rows();
}

void fastgru_generator_reset(fastgru_generator* generator) noexcept { generator->generator->reset(); }

void fastgru_generator_feed(fastgru_generator* generator, const int64_t* tokens) noexcept {
  generator->generator->feed(tokens);
}

fastgru_status fastgru_generator_draw(fastgru_generator* generator, const fastgru_sampling* sampling,
                                      int64_t* tokens) noexcept {
  DrawOptions options;
  if (generator == nullptr || tokens == nullptr) return FASTGRU_INVALID_ARGUMENT;
  if (!read_sampling(sampling, &options)) return FASTGRU_INVALID_ARGUMENT;
  return generator->generator->draw(options, tokens) ? FASTGRU_OK : FASTGRU_INVALID_ARGUMENT;
}

fastgru_status fastgru_generator_probabilities(fastgru_generator* generator, const fastgru_sampling* sampling,
                                               double* probabilities) noexcept {
  DrawOptions options;
  if (generator == nullptr || probabilities == nullptr) return FASTGRU_INVALID_ARGUMENT;
  if (!read_sampling(sampling, &options)) return FASTGRU_INVALID_ARGUMENT;
  return generator->generator->probabilities(options, probabilities) ? FASTGRU_OK : FASTGRU_INVALID_ARGUMENT;
}

size_t fastgru_generator_state_size(const fastgru_generator* generator) noexcept {
  return fastgru::capi::state_size(*generator->generator);
}

fastgru_status fastgru_generator_save(const fastgru_generator* generator, void* to, size_t size) noexcept {
  if (generator == nullptr) return FASTGRU_INVALID_ARGUMENT;
  return fastgru::capi::save_state(*generator->generator, header_of(*generator->generator), to, size);
}

fastgru_status fastgru_generator_restore(fastgru_generator* generator, const void* from,
                                         size_t size) noexcept {
  if (generator == nullptr) return FASTGRU_INVALID_ARGUMENT;
  return fastgru::capi::restore_state(*generator->generator, header_of(*generator->generator), from, size);
}
