// out += in * W^T for one fixed matrix W: the product of the reference's time loop.
#pragma once

// Threads are ours, over rows and directions: Eigen must not start its own inside them.
#ifndef EIGEN_DONT_PARALLELIZE
#define EIGEN_DONT_PARALLELIZE
#endif
#include <Eigen/Core>
#include <algorithm>
#include <cstdint>

namespace fastgru::reference {

// Eigen's own product chooses its order of summation from all sizes, and packs W (and may allocate) in every
// call. Here W is packed once, and every output is one chain out + w[0] in[0] + w[1] in[1] + ... in that
// order: a row has the same bits in any batch, and nothing is allocated. As fast as Eigen's
// product on batches of 32, faster below.
template <class S>
class Product {
 public:
  // W(j, k) is w[j * output_stride + k * input_stride], j < outputs, k < inputs.
  void pack(const S* w, Eigen::Index outputs, Eigen::Index inputs, Eigen::Index output_stride,
            Eigen::Index input_stride) {
    outputs_ = outputs;
    inputs_ = inputs;
    const Eigen::Index panels = (outputs + kLanes - 1) / kLanes;
    panels_.resize(kLanes, panels * inputs);
    for (Eigen::Index p = 0; p < panels; ++p) {
      for (Eigen::Index k = 0; k < inputs; ++k) {
        for (Eigen::Index lane = 0; lane < kLanes; ++lane) {
          const Eigen::Index j = p * kLanes + lane;
          panels_(lane, p * inputs + k) = j < outputs ? w[j * output_stride + k * input_stride] : S(0);
        }
      }
    }
  }

  Eigen::Index inputs() const { return inputs_; }
  Eigen::Index outputs() const { return outputs_; }

  // Rows of `in` and `out` start every `in_stride` and `out_stride` elements; in and out must not overlap.
  void add(const S* in, Eigen::Index in_stride, S* out, Eigen::Index out_stride,
           Eigen::Index rows) const noexcept {
    const Eigen::Index tiled = rows - rows % 4;
    // Panels outside, rows inside: a panel of W is read from memory once.
    for (Eigen::Index j = 0; j < outputs_; j += kLanes) {
      for (Eigen::Index i = 0; i < tiled; i += 4) {
        add_tile<4, 1>(j, in + i * in_stride, in_stride, out + i * out_stride, out_stride);
      }
    }
    for (Eigen::Index i = tiled; i < rows; ++i) add_row(in + i * in_stride, out + i * out_stride);
  }

 private:
  static constexpr Eigen::Index kLanes = 4;

  // One row, four panels at a time: as many independent chains as four rows have in one panel.
  void add_row(const S* in, S* out) const noexcept {
    Eigen::Index j = 0;
    for (; j + 4 * kLanes <= outputs_; j += 4 * kLanes) add_tile<1, 4>(j, in, 0, out, 0);
    for (; j < outputs_; j += kLanes) add_tile<1, 1>(j, in, 0, out, 0);
  }

  // R rows against the P panels from output j on. The last panel may reach beyond the outputs: it works on a
  // copy.
  template <int R, int P>
  void add_tile(Eigen::Index j, const S* in, Eigen::Index in_stride, S* out,
                Eigen::Index out_stride) const noexcept {
    const Eigen::Index valid = outputs_ - j;
    if (valid >= P * kLanes) return add_whole_tile<R, P>(j, in, in_stride, out + j, out_stride);
    S copy[R * kLanes] = {};
    for (int r = 0; r < R; ++r) std::copy_n(out + r * out_stride + j, valid, copy + r * kLanes);
    add_whole_tile<R, 1>(j, in, in_stride, copy, kLanes);
    for (int r = 0; r < R; ++r) std::copy_n(copy + r * kLanes, valid, out + r * out_stride + j);
  }

  template <int R, int P>
  void add_whole_tile(Eigen::Index j, const S* in, Eigen::Index in_stride, S* out,
                      Eigen::Index out_stride) const noexcept {
    using Lanes = Eigen::Matrix<S, kLanes, 1>;
    Eigen::Matrix<S, kLanes, R * P> sum;  // in registers: its address must not be taken
    for (int r = 0; r < R; ++r) {
      for (int p = 0; p < P; ++p) sum.col(r * P + p) = Eigen::Map<Lanes>(out + r * out_stride + p * kLanes);
    }
    const S* w = panels_.data() + j * inputs_;
    for (Eigen::Index k = 0; k < inputs_; ++k) {
      for (int p = 0; p < P; ++p) {
        const Lanes lanes = Eigen::Map<const Lanes>(w + (p * inputs_ + k) * kLanes);
        for (int r = 0; r < R; ++r) sum.col(r * P + p) += lanes * in[r * in_stride + k];
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int p = 0; p < P; ++p) Eigen::Map<Lanes>(out + r * out_stride + p * kLanes) = sum.col(r * P + p);
    }
  }

  Eigen::Index outputs_ = 0, inputs_ = 0;
  Eigen::Matrix<S, kLanes, Eigen::Dynamic> panels_;  // column p * inputs + k: weights k of panel p
};

}  // namespace fastgru::reference
