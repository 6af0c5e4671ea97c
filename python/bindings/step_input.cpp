// Reading and checking one time step.
#include "bindings/step_input.h"

#include <string>

namespace fastgru::bindings {
namespace {

Operand<std::int64_t> read_integers(py::handle x) {
  const py::object array = as_ndarray(x, "x");
  const char kind = array.attr("dtype").attr("kind").cast<std::string>()[0];
  if (kind == 'i' || kind == 'u' || kind == 'b')
    return operand_of<std::int64_t>(converted<std::int64_t>(array));
  if (kind == 'f') {
    const py::object whole = array.attr("astype")("int64");
    if (py::cast<bool>(array.attr("__eq__")(whole).attr("all")())) {
      return operand_of<std::int64_t>(converted<std::int64_t>(whole));
    }
  }
  raise_type_error("x must hold tokens, which are integers, got dtype " + dtype_text(array));
}

void check_tokens(const std::int64_t* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (x[i] > 0) continue;
    raise_value_error("x has the " + (x[i] == 0
                                          ? std::string("padding id 0, which is no time step: leave it out")
                                          : "token " + std::to_string(x[i]) + ": ids are not negative"));
  }
}

template <class X>
void check_numbers(const X* x, std::int64_t count, bool missing_mask, double most) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double value = x[i];
    if (std::abs(value) <= most || (std::isnan(value) && missing_mask)) continue;
    raise_value_error(std::isnan(value)
                          ? "x contains NaN: fill missing values in, or fit with missing='mask'"
                          : "x contains infinity or a value too large for the dtype of the network");
  }
}

}  // namespace

Numbers read_step(py::handle given, const py::object& reader, bool tokens, const char* shape) {
  const bool plain = reader.is_none() || is_plain_array(given) || PyList_CheckExact(given.ptr()) ||
                     PyTuple_CheckExact(given.ptr());
  const py::object x = plain ? py::reinterpret_borrow<py::object>(given) : py::object(reader(given));
  return tokens ? numbers_of(read_integers(x)) : read_numbers(x, "x", shape, true);
}

void check_step(const Numbers& x, std::int64_t count, bool missing_mask, double most) {
  if (x.type == SampleType::int64) {
    check_tokens(static_cast<const std::int64_t*>(x.data), count);
  } else if (x.type == SampleType::float64) {
    check_numbers(static_cast<const double*>(x.data), count, missing_mask, most);
  } else {
    check_numbers(static_cast<const float*>(x.data), count, missing_mask, most);
  }
}

}  // namespace fastgru::bindings
