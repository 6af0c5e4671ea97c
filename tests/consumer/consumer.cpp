// consumer MODEL ROWS STEPS <raw float64 samples (rows, steps, features)>: prints the bits of forward's
// answers, then, where the model streams, those of a stream after every step.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fastgru/fastgru.hpp>

namespace {

void print_bits(const char* name, const std::vector<double>& values) {
  std::printf("%s", name);
  for (const double value : values) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(bits));
    std::printf(" %016" PRIx64, bits);
  }
  std::printf("\n");
}

int run(const char* path, std::int64_t rows, std::int64_t steps) {
  const fastgru::Model model = fastgru::Model::load(path);
  const auto features = static_cast<std::size_t>(model.input_size());
  const auto count = static_cast<std::size_t>(rows * steps);
  std::vector<double> x(count * features);
  if (std::fread(x.data(), sizeof(double), x.size(), stdin) != x.size()) return 3;
  const std::size_t answers = model.every_step() ? count : static_cast<std::size_t>(rows);
  std::vector<double> y(answers * static_cast<std::size_t>(model.output_size()));
  model.forward(x.data(), rows, steps, y.data());
  std::printf("kind %s\n", model.kind().c_str());
  print_bits("forward", y);
  if (!model.can_stream()) return 0;
  fastgru::Stream stream = model.stream();
  std::vector<double> answer(static_cast<std::size_t>(model.output_size()));
  for (std::int64_t t = 0; t < steps; ++t) {
    stream.step(x.data() + static_cast<std::size_t>(t) * features, answer.data());
    print_bits("step", answer);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    return run(argv[1], std::atoll(argv[2]), std::atoll(argv[3]));
  } catch (const fastgru::Error& error) {
    std::fprintf(stderr, "consumer: %s\n", error.what());
    return 1;
  }
}
