// runtime/exclusive.h for Python: a second thread in an object gets a RuntimeError.
#pragma once

#include <atomic>

#include "bindings/status.h"
#include "runtime/exclusive.h"

namespace fastgru::bindings {

// Call with the GIL held.
class Exclusive : public fastgru::Exclusive {
 public:
  Exclusive(std::atomic<bool>& busy, const char* what) : fastgru::Exclusive(busy, what) {
    raise_if_error(status());
  }
};

}  // namespace fastgru::bindings
