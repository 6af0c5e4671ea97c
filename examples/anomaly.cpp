// anomaly MODEL THRESHOLD < readings: an alarm for a stream of sensor readings, one line of numbers per time
// step (separated by commas or blanks). The model forecasts the next reading (anomaly_train.py trains it). A
// line is printed whenever a reading is further from its forecast than THRESHOLD.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <fastgru/fastgru.hpp>

namespace {

// Reads the numbers of a line; false if there are fewer than `count`.
bool parse(const std::string& line, std::size_t count, std::vector<double>& values) {
  values.clear();
  const char* at = line.c_str();
  for (char* end = nullptr; values.size() < count; at = end) {
    while (*at == ',' || *at == ' ' || *at == '\t') ++at;
    const double value = std::strtod(at, &end);
    if (end == at || !std::isfinite(value)) return false;
    values.push_back(value);
  }
  return true;
}

// The Euclidean distance of a reading from its forecast.
double distance(const std::vector<double>& reading, const std::vector<double>& forecast) {
  double sum = 0;
  for (std::size_t i = 0; i < reading.size(); ++i)
    sum += (reading[i] - forecast[i]) * (reading[i] - forecast[i]);
  return std::sqrt(sum);
}

int watch(const fastgru::Model& model, double threshold) {
  const auto channels = static_cast<std::size_t>(model.input_size());
  if (model.output_size() != model.input_size()) {
    std::fprintf(stderr, "anomaly: the model must forecast every channel that it reads\n");
    return 1;
  }
  fastgru::Stream stream = model.stream();
  std::vector<double> reading, forecast(channels);
  constexpr long kWarmUp = 50;  // readings before the forecasts are useful
  long number = 0, alarms = 0;
  for (std::string line; std::getline(std::cin, line);) {
    if (!parse(line, channels, reading)) {
      std::fprintf(stderr, "anomaly: line %ld: expected %zu numbers\n", number + 1, channels);
      return 1;
    }
    if (number >= kWarmUp) {
      const double far = distance(reading, forecast);
      if (far > threshold) {
        std::printf("alarm at %ld: %.3f from the forecast\n", number, far);
        std::fflush(stdout);
        ++alarms;
      }
    }
    stream.step(reading.data(), forecast.data());
    ++number;
  }
  std::fprintf(stderr, "%ld readings, %ld alarms\n", number, alarms);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: anomaly MODEL.safetensors THRESHOLD < readings\n");
    return 2;
  }
  try {
    return watch(fastgru::Model::load(argv[1]), std::atof(argv[2]));
  } catch (const fastgru::Error& error) {
    std::fprintf(stderr, "anomaly: %s\n", error.what());
    return 1;
  }
}
