// eigen.hpp: the calls of fastgru.hpp for Eigen's arrays. Optional: the only header that needs Eigen (3.4 or
// later). Nothing is copied: each argument must be dense and row-major, one row a sequence (a column vector
// serves a stream of one row). Sizes are checked with eigen_assert, as Eigen checks its own.
#pragma once

#include <Eigen/Core>

#include "fastgru/fastgru.hpp"

namespace fastgru {
inline namespace app {

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using RowMajorMap = Eigen::Map<RowMajor<T>>;
template <class T>
using ConstRowMajorMap = Eigen::Map<const RowMajor<T>>;
template <class T>
using VectorMap = Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, 1>>;
template <class T>
using ConstVectorMap = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>>;

// x (rows, input_size), y (rows, output_size). Real-time safe.
template <class T>
void step(Stream& stream, const ConstRowMajorMap<T>& x, RowMajorMap<T> y) noexcept {
  eigen_assert(x.rows() == stream.rows() && x.cols() == stream.input_size());
  eigen_assert(y.rows() == stream.rows() && y.cols() == stream.output_size());
  stream.step(x.data(), y.data());
}
template <class T>
void step(Stream& stream, const RowMajor<T>& x, RowMajor<T>& y) noexcept {
  step<T>(stream, ConstRowMajorMap<T>(x.data(), x.rows(), x.cols()),
          RowMajorMap<T>(y.data(), y.rows(), y.cols()));
}

// A stream of one row: x (input_size), y (output_size). Real-time safe.
template <class T>
void step(Stream& stream, const ConstVectorMap<T>& x, VectorMap<T> y) noexcept {
  eigen_assert(stream.rows() == 1 && x.size() == stream.input_size() && y.size() == stream.output_size());
  stream.step(x.data(), y.data());
}
template <class T, int I, int O>
void step(Stream& stream, const Eigen::Matrix<T, I, 1>& x, Eigen::Matrix<T, O, 1>& y) noexcept {
  step<T>(stream, ConstVectorMap<T>(x.data(), x.size()), VectorMap<T>(y.data(), y.size()));
}

// One sequence: x (steps, input_size); the answers, (steps, output_size) if model.every_step(), else
// (1, output_size).
template <class T>
RowMajor<T> forward(const Model& model, const ConstRowMajorMap<T>& x) {
  if (x.cols() != model.input_size()) {
    throw Error(FASTGRU_INVALID_ARGUMENT,
                "x has " + std::to_string(x.cols()) +
                    " columns, wanted input_size = " + std::to_string(model.input_size()));
  }
  RowMajor<T> y(model.every_step() ? x.rows() : 1, model.output_size());
  model.forward(x.data(), 1, x.rows(), y.data());
  return y;
}
template <class T>
RowMajor<T> forward(const Model& model, const RowMajor<T>& x) {
  return forward<T>(model, ConstRowMajorMap<T>(x.data(), x.rows(), x.cols()));
}

}  // namespace app
}  // namespace fastgru
