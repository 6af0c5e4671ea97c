// Functions of the bound parts that module.cpp and other parts call.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "engine/engine.h"
#include "nn/network.h"
#include "nn/seq2seq/model.h"

namespace fastgru::bindings {

void bind_gru(pybind11::module_& module);
void bind_generators(pybind11::module_& module);
void bind_network(pybind11::module_& module);
void bind_trainers(pybind11::module_& module);
void bind_io(pybind11::module_& module);
void bind_model(pybind11::module_& module);
void bind_decoding(pybind11::module_& module);
void bind_seq2seq(pybind11::module_& module);
void bind_stream_pool(pybind11::module_& module);

// A loaded layer or network as an object of the extension's classes.
template <class S>
pybind11::object gru_object(std::shared_ptr<const Weights<S>> weights, bool batch_first);
template <class S>
pybind11::object network_object(std::shared_ptr<Network<S>> network);
pybind11::object seq2seq_object(std::shared_ptr<Seq2Seq<float>> network);

}  // namespace fastgru::bindings
