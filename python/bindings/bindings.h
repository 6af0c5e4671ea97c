// What module.cpp asks of each bound part.
#pragma once

#include <pybind11/pybind11.h>

namespace fastgru::bindings {

void bind_gru(pybind11::module_& module);
void bind_network(pybind11::module_& module);
void bind_io(pybind11::module_& module);

}  // namespace fastgru::bindings
