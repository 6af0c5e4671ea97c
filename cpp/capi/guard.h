// What the files of the C interface share: handles, and the way from a Status to a C function's result.
#pragma once

#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "fastgru/fastgru.h"
#include "model/model.h"

struct fastgru_model {
  fastgru::LoadedModelPtr model;
};

namespace fastgru::capi {

inline fastgru_status status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::ok:
      return FASTGRU_OK;
    case ErrorCode::invalid_argument:
      return FASTGRU_INVALID_ARGUMENT;
    case ErrorCode::out_of_memory:
      return FASTGRU_OUT_OF_MEMORY;
    case ErrorCode::io_error:
      return FASTGRU_IO_ERROR;
    case ErrorCode::model_format:
      return FASTGRU_MODEL_FORMAT;
    case ErrorCode::interrupted:
    case ErrorCode::in_use:
    case ErrorCode::internal:
      break;
  }
  return FASTGRU_INTERNAL;
}

// Copies the message, cut to the room there is at a whole UTF-8 character.
inline void write_message(const char* message, fastgru_error* error) noexcept {
  if (error == nullptr) return;
  std::size_t size = std::strlen(message);
  if (size >= sizeof(error->message)) {
    size = sizeof(error->message) - 1;
    while (size > 0 && (static_cast<unsigned char>(message[size]) & 0xC0U) == 0x80U) --size;
  }
  std::memcpy(error->message, message, size);
  error->message[size] = '\0';
}

// Runs `function`, which returns a Status, and turns exceptions into one.
template <class Function>
fastgru_status guarded(fastgru_error* error, Function function) noexcept {
  try {
    const Status status = function();
    write_message(status.message().c_str(), error);
    return status_of(status.code());
  } catch (const std::bad_alloc&) {
    write_message("not enough memory for this call", error);
    return FASTGRU_OUT_OF_MEMORY;
  } catch (const std::exception& exception) {
    write_message(exception.what(), error);
    return FASTGRU_INTERNAL;
  } catch (...) {
    write_message("an unknown exception", error);
    return FASTGRU_INTERNAL;
  }
}

inline Status missing(const char* name) { return Status::invalid(std::string(name) + " is NULL"); }

// The header of a saved state, by which the bytes of another object are refused.
struct StateHeader {
  char magic[8];
  std::int64_t rows;
  std::uint64_t bytes;
};

template <class Object>
std::size_t state_size(const Object& object) noexcept {
  return sizeof(StateHeader) + object.state_bytes();
}

// `header` is that of `object`.
template <class Object>
fastgru_status save_state(const Object& object, const StateHeader& header, void* to,
                          std::size_t size) noexcept {
  if (to == nullptr || size != state_size(object)) return FASTGRU_INVALID_ARGUMENT;
  std::memcpy(to, &header, sizeof(header));
  object.save(static_cast<char*>(to) + sizeof(header));
  return FASTGRU_OK;
}

template <class Object>
fastgru_status restore_state(Object& object, const StateHeader& header, const void* from,
                             std::size_t size) noexcept {
  if (from == nullptr || size != state_size(object)) return FASTGRU_INVALID_ARGUMENT;
  if (std::memcmp(from, &header, sizeof(header)) != 0) return FASTGRU_INVALID_ARGUMENT;
  object.restore(static_cast<const char*>(from) + sizeof(header));
  return FASTGRU_OK;
}

}  // namespace fastgru::capi
