// Packed operands against the layout that kernel_table.h describes, entry by entry, zeros included.
#include "kernels/pack.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace {

constexpr float kBeyond = -7.0f;  // behind the operand: must stay

// 1, 2, 3, ...: all different, none zero.
std::vector<float> counted(std::int64_t count, float from = 1.0f) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(from + static_cast<float>(i));
  return values;
}

// An unwritten operand of this many floats, with a few floats behind it.
std::vector<float> unwritten(std::int64_t size) {
  return std::vector<float>(static_cast<std::size_t>(size + 16), kBeyond);
}

struct Wanted {
  explicit Wanted(std::int64_t size) : values(static_cast<std::size_t>(size), 0.0f) {
    values.insert(values.end(), 16, kBeyond);
  }
  float& operator[](std::int64_t i) { return values[static_cast<std::size_t>(i)]; }
  std::vector<float> values;
};

std::int64_t packed_panels(std::int64_t width, std::int64_t lanes) {
  std::int64_t panels = 0;
  while (panels * lanes < width) ++panels;
  return panels;
}

template <class Body>
void for_each_width(Body body) {
  for (const std::int64_t lanes : {4, 8, 16}) {
    for (std::int64_t width = 1; width <= 50; ++width) {
      CAPTURE(lanes);
      CAPTURE(width);
      body(lanes, width);
    }
  }
}

// Units of the last panel whose three gates fit one vector.
std::int64_t sharing_units(std::int64_t hidden, std::int64_t lanes) {
  const std::int64_t units = hidden % lanes;
  return 3 * units <= lanes ? units : 0;
}

}  // namespace

TEST_CASE("pack: sizes, and which last panels share a vector") {
  for_each_width([](std::int64_t lanes, std::int64_t width) {
    const std::int64_t panels = packed_panels(width, lanes);
    CHECK(fastgru::panel_count(width, lanes) == panels);
    CHECK(fastgru::padded_width(width, lanes) == panels * lanes);
    CHECK(fastgru::packed_size(7, width, 3, lanes) == 7 * panels * lanes * 3);
  });
  for (const std::int64_t units : {0, 1, 2, 5}) CHECK(fastgru::tail_units(32 + units, 16) == units);
  for (const std::int64_t units : {6, 10, 15}) CHECK(fastgru::tail_units(32 + units, 16) == 0);
  CHECK(fastgru::tail_units(2, 8) == 2);
  CHECK(fastgru::tail_units(3, 8) == 0);
  CHECK(fastgru::tail_units(5, 4) == 1);
  CHECK(fastgru::tail_units(6, 4) == 0);
}

TEST_CASE("pack: gates side by side, all of them, some of them, with and without a shared tail") {
  struct Choice {
    std::int64_t first_gate, gates;
    bool share;
  };
  for_each_width([](std::int64_t lanes, std::int64_t hidden) {
    for (const std::int64_t depth : {1, 2, 5}) {
      const std::vector<float> weight = counted(3 * hidden * depth);
      for (const Choice& choice : {Choice{0, 3, false}, {0, 3, true}, {0, 2, false}, {2, 1, false}}) {
        CAPTURE(depth);
        CAPTURE(choice.gates);
        CAPTURE(choice.share);
        const std::int64_t size = packed_panels(hidden, lanes) * depth * choice.gates * lanes;
        const std::int64_t tail = choice.share ? sharing_units(hidden, lanes) : 0;
        Wanted wanted(size);
        for (std::int64_t unit = 0; unit < hidden; ++unit) {
          const std::int64_t panel = unit / lanes, lane = unit % lanes;
          for (std::int64_t g = 0; g < choice.gates; ++g) {
            for (std::int64_t k = 0; k < depth; ++k) {
              const std::int64_t base = panel * depth * choice.gates * lanes;
              const bool shares = unit >= hidden - tail;
              const std::int64_t at =
                  shares ? k * lanes + g * tail + lane : (k * choice.gates + g) * lanes + lane;
              const std::int64_t row = (choice.first_gate + g) * hidden + unit;
              wanted[base + at] = weight[static_cast<std::size_t>(row * depth + k)];
            }
          }
        }
        std::vector<float> out = unwritten(size);
        if (tail > 0) {
          // The rest of a panel with a shared tail is never read, and need not be written.
          const std::int64_t used = size - depth * lanes * (choice.gates - 1);
          for (std::int64_t i = used; i < size; ++i) wanted[i] = out[static_cast<std::size_t>(i)] = 0.0f;
        }
        fastgru::pack_gates(weight.data(), hidden, depth, choice.first_gate, choice.gates, lanes,
                            choice.share, out.data());
        CHECK(out == wanted.values);
      }
    }
  });
}

TEST_CASE("pack: columns, of one matrix and of pieces of several in one operand") {
  for_each_width([](std::int64_t lanes, std::int64_t width) {
    const std::vector<float> one = counted(6 * width), other = counted(4 * width, 1000.0f);
    // Rows 1 to 4 of the first matrix at k = 0, rows 0 to 2 of the second at k = 4: seven in all.
    const std::int64_t depth = 7, size = packed_panels(width, lanes) * depth * lanes;
    Wanted wanted(size);
    for (std::int64_t k = 0; k < depth; ++k) {
      for (std::int64_t column = 0; column < width; ++column) {
        const std::int64_t at = (column / lanes * depth + k) * lanes + column % lanes;
        wanted[at] = k < 4 ? one[static_cast<std::size_t>((k + 1) * width + column)]
                           : other[static_cast<std::size_t>((k - 4) * width + column)];
      }
    }
    std::vector<float> out = unwritten(size);
    fastgru::pack_columns(one.data(), width, 1, 4, depth, 0, lanes, out.data());
    fastgru::pack_columns(other.data(), width, 0, 3, depth, 4, lanes, out.data());
    CHECK(out == wanted.values);
  });
}

TEST_CASE("pack: biases, summed as each reset variant wants them, with a tail's in one vector") {
  for_each_width([](std::int64_t lanes, std::int64_t hidden) {
    const std::vector<float> ih = counted(3 * hidden), hh = counted(3 * hidden, 1000.0f);
    const auto input = [&](std::int64_t gate, std::int64_t unit) {
      return ih[static_cast<std::size_t>(gate * hidden + unit)];
    };
    const auto recurrent = [&](std::int64_t gate, std::int64_t unit) {
      return hh[static_cast<std::size_t>(gate * hidden + unit)];
    };
    const std::int64_t size = packed_panels(hidden, lanes) * 4 * lanes;
    for (const bool reset_after : {true, false}) {
      CAPTURE(reset_after);
      const std::int64_t tail = reset_after ? sharing_units(hidden, lanes) : 0;
      Wanted wanted(size);
      for (std::int64_t unit = 0; unit < hidden; ++unit) {
        const std::int64_t base = unit / lanes * 4 * lanes, lane = unit % lanes;
        const bool shares = unit >= hidden - tail;
        const auto at = [&](std::int64_t gate) { return base + gate * (shares ? tail : lanes) + lane; };
        wanted[at(0)] = input(0, unit) + recurrent(0, unit);
        wanted[at(1)] = input(1, unit) + recurrent(1, unit);
        wanted[at(2)] = reset_after ? input(2, unit) : input(2, unit) + recurrent(2, unit);
        // q lies in the fourth vector, at the lanes of n in its vector.
        const std::int64_t q = base + 3 * lanes + (shares ? 2 * tail : 0) + lane;
        wanted[q] = reset_after ? recurrent(2, unit) : 0.0f;
      }
      std::vector<float> out = unwritten(size);
      fastgru::pack_bias(ih.data(), hh.data(), hidden, reset_after, lanes, out.data());
      CHECK(out == wanted.values);
      out = unwritten(size);
      fastgru::pack_bias(nullptr, nullptr, hidden, reset_after, lanes, out.data());
      CHECK(out == Wanted(size).values);
    }
  });
}
