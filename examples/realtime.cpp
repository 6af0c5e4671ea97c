// realtime MODEL [STEPS]: a model in a real-time loop, and a histogram of the time per step.
//
// The loop makes no allocation, takes no lock and makes no system call: all it needs is created before.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fastgru/fastgru.hpp>

namespace {

using Clock = std::chrono::steady_clock;

// Buckets of powers of two, from 32 ns.
struct Histogram {
  std::array<long, 20> counts = {};

  void add(double nanoseconds) {
    const double bucket = std::log2(std::max(nanoseconds, 32.0) / 32.0);
    ++counts[std::min(static_cast<std::size_t>(bucket), counts.size() - 1)];
  }

  void print(long total) const {
    long seen = 0;
    for (std::size_t i = 0; i < counts.size() && seen < total; ++i) {
      seen += counts[i];
      if (counts[i] == 0) continue;
      const auto width =
          static_cast<std::size_t>(60.0 * static_cast<double>(counts[i]) / static_cast<double>(total));
      std::printf("< %9.0f ns %9ld %s\n", 64.0 * std::exp2(static_cast<double>(i)), counts[i],
                  std::string(width, '#').c_str());
    }
  }
};

void run(const fastgru::Model& model, long steps) {
  fastgru::Stream stream = model.stream();
  std::vector<float> x(static_cast<std::size_t>(model.input_size()));
  std::vector<float> y(static_cast<std::size_t>(model.output_size()));
  Histogram histogram;
  double sum = 0;
  for (long t = 0; t < steps; ++t) {
    // Here an app reads its sensors, or takes the next samples of its block.
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = std::sin(0.05f * static_cast<float>(t) + static_cast<float>(i));
    const Clock::time_point begin = Clock::now();
    stream.step(x.data(), y.data());
    histogram.add(std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
    sum += static_cast<double>(y[0]);  // and here it acts on the prediction
  }
  std::printf("%s, %lld inputs, %lld units: %ld steps, mean answer %g\n", model.kind().c_str(),
              static_cast<long long>(model.input_size()), static_cast<long long>(model.hidden_size()), steps,
              sum / static_cast<double>(steps));
  histogram.print(steps);
}

}  // namespace

int main(int argc, char** argv) {
  const long steps = argc == 3 ? std::atol(argv[2]) : 1'000'000;
  if (argc < 2 || argc > 3 || steps < 1) {
    std::fprintf(stderr, "usage: realtime MODEL.safetensors [STEPS]\n");
    return 2;
  }
  try {
    run(fastgru::Model::load(argv[1]), steps);
  } catch (const fastgru::Error& error) {
    std::fprintf(stderr, "realtime: %s\n", error.what());
    return 1;
  }
  return 0;
}
