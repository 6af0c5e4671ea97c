// The dense head's products and softmax on one thread, beside the peak of multiply-adds measured between
// them. Goal: with thousands of outputs each product reaches four fifths of the peak; a single row with few
// outputs waits for nothing but its chains of FMAs (4 cycles an input); softmax takes less than a nanosecond
// an element.
//
// Times are those of the thread alone, so that other programs' turns do not count; the best of several.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "kernels/dense.h"
#include "kernels/dispatch.h"
#include "kernels/softmax.h"
#include "runtime/aligned.h"

extern "C" double machine_fma_gflops(int bits, double seconds);

namespace {

double now() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Seconds of one call: the best of several rounds, each of a few milliseconds or one call.
template <class Call>
double best_seconds(Call call) {
  const double start = now();
  call();
  const double first = std::max(now() - start, 1e-9);
  const auto calls = std::max<std::int64_t>(1, static_cast<std::int64_t>(2e-3 / first));
  const int rounds = std::clamp(static_cast<int>(0.25 / (first * static_cast<double>(calls))), 5, 50);
  double best = first;
  for (int round = 0; round < rounds; ++round) {
    const double begin = now();
    for (std::int64_t i = 0; i < calls; ++i) call();
    best = std::min(best, (now() - begin) / static_cast<double>(calls));
  }
  return best;
}

class Numbers {
 public:
  Numbers(std::int64_t count, float scale) {
    if (!buffer_.reserve(count)) std::exit(1);
    std::uint32_t state = 12345;
    for (std::int64_t i = 0; i < count; ++i) {
      state = state * 1664525u + 1013904223u;
      buffer_.data()[i] = scale * (static_cast<float>(state >> 8) * 0x1p-23f - 1.0f);
    }
  }
  float* data() { return buffer_.data(); }

 private:
  fastgru::AlignedBuffer<float> buffer_;
};

struct Shape {
  std::int64_t rows, inputs, outputs;
};

struct Times {
  double pack, forward, input, weights;
};

Times measure(const fastgru::KernelTable& kernels, const Shape& s) {
  Numbers x(s.rows * s.inputs, 1.0f), w(s.outputs * s.inputs, 0.1f), bias(s.outputs, 1.0f);
  Numbers y(s.rows * s.outputs, 1.0f), dx(s.rows * s.inputs, 1.0f), dw(s.outputs * s.inputs, 1.0f);
  Numbers packed(fastgru::dense_packed_size(kernels, s.inputs, s.outputs), 1.0f);
  Numbers scratch(fastgru::dense_scratch_size(1), 1.0f);
  const fastgru::DensePackArgs pack = {s.inputs, s.outputs, w.data(), packed.data()};
  const fastgru::DenseForwardArgs forward = {s.rows,        s.inputs,    s.outputs, x.data(), s.inputs,
                                             packed.data(), bias.data(), y.data(),  s.outputs};
  const fastgru::DenseInputArgs input = {s.rows,   s.inputs, s.outputs, y.data(), s.outputs,
                                         w.data(), s.inputs, dx.data(), s.inputs, scratch.data()};
  const fastgru::DenseWeightArgs weights = {s.rows,   s.inputs,    s.outputs,     x.data(),
                                            s.inputs, y.data(),    s.outputs,     dw.data(),
                                            s.inputs, bias.data(), scratch.data()};
  Times times{};
  times.pack = best_seconds([&] { fastgru::dense_pack(kernels, pack, 1); });
  times.forward = best_seconds([&] { fastgru::dense_forward(kernels, forward, 1); });
  times.input = best_seconds([&] { fastgru::dense_backward_input(kernels, input, 1); });
  times.weights = best_seconds([&] { fastgru::dense_backward_weights(kernels, weights, 1); });
  return times;
}

void report_products(const fastgru::KernelTable& kernels) {
  const Shape shapes[] = {{1120, 256, 5000}, {3200, 256, 65}, {1120, 256, 1300},
                          {32, 256, 20000},  {32, 50, 1},     {1120, 256, 1},
                          {1, 64, 1},        {1, 64, 8},      {1, 256, 5000}};
  std::printf("%-20s %9s %9s %9s %9s %9s\n", "rows x in x out", "peak", "forward", "by input", "by weight",
              "packing");
  for (const Shape& s : shapes) {
    const double peak = machine_fma_gflops(32 * kernels.lanes, 0.1);
    const Times t = measure(kernels, s);
    const double flops = 2.0 * static_cast<double>(s.rows) * static_cast<double>(s.inputs * s.outputs);
    std::printf("%5lld x %3lld x %5lld %9.1f", static_cast<long long>(s.rows),
                static_cast<long long>(s.inputs), static_cast<long long>(s.outputs), peak);
    for (const double seconds : {t.forward, t.input, t.weights}) {
      std::printf(" %5.1f %2.0f%%", 1e-9 * flops / seconds, 1e-7 * flops / seconds / peak);
    }
    std::printf("   %.4g us | %.4g %.4g %.4g us\n", 1e6 * t.pack, 1e6 * t.forward, 1e6 * t.input,
                1e6 * t.weights);
  }
}

void report_softmax(const fastgru::KernelTable& kernels) {
  for (const std::int64_t n : {std::int64_t{3}, std::int64_t{65}, std::int64_t{1300}, std::int64_t{50000}}) {
    Numbers x(n, 5.0f), gradient(n, 1.0f);
    fastgru::CrossEntropyArgs args;
    args.classes = n;
    args.logits = x.data();
    args.gradient = gradient.data();
    volatile double sink = 0;
    const double with = best_seconds([&] { sink = fastgru::cross_entropy(kernels, args); });
    args.gradient = nullptr;
    const double without = best_seconds([&] { sink = fastgru::cross_entropy(kernels, args); });
    std::printf("cross entropy of %5lld classes: %9.1f ns, %.3f an element; without gradient %9.1f ns\n",
                static_cast<long long>(n), 1e9 * with, 1e9 * with / static_cast<double>(n), 1e9 * without);
  }
  Numbers x(4096, 5.0f), y(4096, 1.0f);
  const double exp = best_seconds([&] { kernels.map_exp(x.data(), y.data(), 4096); });
  const double softplus = best_seconds([&] { kernels.map_softplus(x.data(), y.data(), 4096); });
  std::printf("exp %.3f, softplus %.3f ns an element\n", 1e9 * exp / 4096, 1e9 * softplus / 4096);
}

}  // namespace

// Arguments: the instruction sets; none: all.
int main(int count, char** arguments) {
  for (const std::string& isa : fastgru::isa_names()) {
    const bool named = std::find(arguments + 1, arguments + count, isa) != arguments + count;
    if (count > 1 && !named) continue;
    if (!fastgru::set_active_isa(isa)) return 1;
    std::printf("%s, GFLOP/s and share of the peak\n", isa.c_str());
    report_products(fastgru::active_kernels());
    report_softmax(fastgru::active_kernels());
  }
  return 0;
}
