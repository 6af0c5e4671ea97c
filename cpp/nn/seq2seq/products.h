// Products of small matrices: float on the kernels of the dense head, double in plain loops. Every sum is
// taken in an order that depends on its own length alone, so no batch and no number of threads changes its
// bits.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/dispatch.h"

namespace fastgru {

// Threads that so many multiplications are worth: each takes some 0.1 ms at least.
inline int threads_worth(double products, int threads) {
  constexpr double kLeastProducts = 2e6;
  return static_cast<int>(std::clamp(products / kLeastProducts, 1.0, static_cast<double>(threads)));
}

// Rows of a matrix, so many values apart.
template <class S>
struct MatrixRows {
  S* data = nullptr;
  std::int64_t stride = 0;

  S* row(std::int64_t i) const { return data + i * stride; }
};

// x (rows, inputs), w (outputs, inputs), y (rows, outputs).
template <class S>
class Products {
 public:
  struct Shape {
    std::int64_t rows = 0, inputs = 0, outputs = 0;
  };
  using In = MatrixRows<const S>;
  using Out = MatrixRows<S>;

  // Values of a packed w, and of the scratch of the two gradients on so many threads.
  std::int64_t packed_size(std::int64_t inputs, std::int64_t outputs) const;
  std::int64_t scratch_size(int threads) const;

  // Packs a dense w.
  void pack(const S* w, std::int64_t inputs, std::int64_t outputs, S* packed) const;
  // y = x w^T
  void forward(const Shape& shape, In x, const S* packed, Out y, int threads) const;
  // dx = dy w, w as it is
  void input_gradient(const Shape& shape, In dy, In w, Out dx, S* scratch, int threads) const;
  // dw = dy^T x
  void weight_gradient(const Shape& shape, In dy, In x, Out dw, S* scratch, int threads) const;

 private:
  const KernelTable* kernels_ = &active_kernels();
};

#define FASTGRU_DECLARE_PRODUCTS(S)                                           \
  template <>                                                                 \
  std::int64_t Products<S>::packed_size(std::int64_t, std::int64_t) const;    \
  template <>                                                                 \
  std::int64_t Products<S>::scratch_size(int) const;                          \
  template <>                                                                 \
  void Products<S>::pack(const S*, std::int64_t, std::int64_t, S*) const;     \
  template <>                                                                 \
  void Products<S>::forward(const Shape&, In, const S*, Out, int) const;      \
  template <>                                                                 \
  void Products<S>::input_gradient(const Shape&, In, In, Out, S*, int) const; \
  template <>                                                                 \
  void Products<S>::weight_gradient(const Shape&, In, In, Out, S*, int) const

FASTGRU_DECLARE_PRODUCTS(float);
FASTGRU_DECLARE_PRODUCTS(double);
#undef FASTGRU_DECLARE_PRODUCTS

}  // namespace fastgru
