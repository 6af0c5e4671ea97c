// The outcome of a call into the core. Nothing below the bindings throws for bad input.
#pragma once

#include <string>
#include <utility>

#include "runtime/exact.h"

namespace fastgru {

enum class ErrorCode {
  ok,
  invalid_argument,  // ValueError
  out_of_memory,     // MemoryError
  interrupted,       // KeyboardInterrupt: the caller's Interrupt asked to stop
  io_error,          // OSError
  model_format,      // fastgru.ModelFormatError
  in_use,            // RuntimeError: another thread is in this object (runtime/exclusive.h)
  internal,          // RuntimeError: a bug of ours
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status invalid(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }
  static Status interrupted() { return {ErrorCode::interrupted, "interrupted"}; }

  bool ok() const { return code_ == ErrorCode::ok; }
  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  ErrorCode code_ = ErrorCode::ok;
  std::string message_;
};

// The one status of a failed allocation. `what`: what there was no room for.
inline Status out_of_memory(const std::string& what = "this call") {
  return {ErrorCode::out_of_memory, "not enough memory for " + what};
}

}  // namespace fastgru

// Returns from the enclosing function when `expression` did not succeed.
#define FASTGRU_RETURN_IF_ERROR(expression)            \
  do {                                                 \
    ::fastgru::Status fastgru_status_ = (expression);  \
    if (!fastgru_status_.ok()) return fastgru_status_; \
  } while (false)
