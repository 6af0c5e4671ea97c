// Model files for the tests of the public headers, with the engine's results to compare with. Includes no
// header of the engine, like an app.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fastgru_test {

struct AppCase {
  std::string file;  // the bytes of a model file
  std::int64_t rows = 3, steps = 7, inputs = 0, outputs = 0;
  std::vector<double> x;                   // (rows, steps, inputs)
  std::vector<std::int64_t> lengths;       // (rows)
  std::vector<double> whole, cut;          // the outputs without and with lengths
  std::vector<std::vector<double>> after;  // a stream's outputs: after[t] (rows, outputs)
  bool every_step = false, is_double = false;
};

// float32 data is exact in both precisions, so all four entry points give the same numbers.
AppCase layer_case(bool is_double, bool bidirectional, bool reset_after);
// Only the file, of a float32 layer of these sizes.
AppCase one_layer_case(int inputs, int hidden, bool reset_after, bool bidirectional = false,
                       bool bias = true);
AppCase estimator_case(bool is_double, bool bidirectional, bool reset_after);

}  // namespace fastgru_test
