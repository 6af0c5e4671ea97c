// Weight gradients: how rows of the tape are joined to runs and cut into blocks, and the outer products.
#include "engine_f32/weight_gradients.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "each_isa.h"
#include "engine_f32/plan/plan.h"
#include "gru_case.h"

namespace {

using namespace fastgru::testing;
using fastgru::kBlockRows;
using fastgru::RowRun;
using fastgru::RowRuns;
using Floats = std::vector<float>;

constexpr int kParts = static_cast<int>(std::size(RowRun{}.b));

// The addresses of a tape row and of the second operand (x or h_prev).
struct Place {
  const float* a;
  const float* b[kParts];
  bool operator==(const Place& other) const {
    return a == other.a && std::equal(std::begin(b), std::end(b), std::begin(other.b));
  }
};

Place place_in(const RowRun& run, std::int64_t row) {
  Place place{run.a + row * run.a_stride, {}};
  for (int i = 0; i < kParts; ++i)
    place.b[i] = run.b[i] == nullptr ? nullptr : run.b[i] + row * run.b_stride[i];
  return place;
}

// The rows of all runs one by one, and the number of rows in each block.
struct Listed {
  std::vector<Place> places;
  std::vector<std::int64_t> block_rows;
};

Listed listed(const RowRuns& rows) {
  Listed list;
  std::int64_t run = 0;
  for (const std::int64_t end : rows.block_ends()) {
    std::int64_t count = 0;
    for (; run < end; ++run) {
      const RowRun& here = rows.runs()[static_cast<std::size_t>(run)];
      for (std::int64_t i = 0; i < here.rows; ++i) list.places.push_back(place_in(here, i));
      count += here.rows;
    }
    list.block_rows.push_back(count);
  }
  CHECK(run == static_cast<std::int64_t>(rows.runs().size()));
  return list;
}

const float kMemory[1 << 16] = {};  // used for addresses only; never read

RowRun run_at(std::int64_t a, std::int64_t a_stride, std::int64_t rows, std::int64_t b,
              std::int64_t b_stride) {
  RowRun run{};
  run.a = kMemory + a;
  run.a_stride = a_stride;
  run.rows = rows;
  run.b[0] = kMemory + b;
  run.b_stride[0] = b_stride;
  return run;
}

// Rows of a tape and of two second operands, each in its own memory.
struct Tape {
  std::int64_t rows, width, a_stride, depth, b_stride;
  Floats a, b;

  Tape(std::int64_t row_count, std::int64_t columns, std::int64_t d)
      : rows(row_count), width(columns), a_stride(columns + 3), depth(d), b_stride(d + 1) {
    Random random(21);
    a = random_vector<float>(random, rows * a_stride);
    b = random_vector<float>(random, rows * b_stride);
  }

  // Rows [first, first + count) with operand 0, or with zeros, as the second operand.
  RowRun run(std::int64_t first, std::int64_t count, bool zeros = false) const {
    RowRun made{};
    made.a = a.data() + first * a_stride;
    made.a_stride = a_stride;
    made.rows = count;
    made.b[0] = zeros ? nullptr : b.data() + first * b_stride;
    made.b_stride[0] = b_stride;
    made.b[1] = made.a;  // the tape itself, as r*h is stored in a slot of the tape
    made.b_stride[1] = a_stride;
    return made;
  }

  // All rows from absolute number `first_row` on, `piece` of them at a time, the first `zeros` with zeros.
  RowRuns runs(std::int64_t first_row, std::int64_t piece, std::int64_t zeros) const {
    RowRuns made;
    made.clear();
    for (std::int64_t row = 0; row < rows;) {
      const std::int64_t border = row < zeros ? zeros : rows;
      const std::int64_t count = std::min(piece, border - row);
      made.add(first_row + row, run(row, count, row < zeros));
      row += count;
    }
    made.close();
    return made;
  }
};

// out[j][i] for columns [first, last) of a and j < depth, and the sums of a's columns.
struct Sums {
  std::int64_t first, last;
  Floats part[2], columns;
};

// Part 0: all columns with b. Part 1: columns [from, to) with the first `self` columns of a.
struct SelfPart {
  std::int64_t from, to, depth;
};

Sums outer(const Tape& tape, const RowRuns& rows, std::int64_t first, std::int64_t last, SelfPart self) {
  const fastgru::KernelTable& kernels = fastgru::active_kernels();
  const std::int64_t lanes = kernels.lanes, stride = (last - first + lanes - 1) / lanes * lanes;
  Sums sums{first, last, {}, Floats(static_cast<std::size_t>(stride), 0.0f)};
  const std::int64_t depths[2] = {tape.depth, self.depth};
  Floats packed[2], pack_a(static_cast<std::size_t>(kBlockRows * 8 * lanes));
  fastgru::OuterArgs args{};
  args.runs = rows.runs().data();
  args.block_ends = rows.block_ends().data();
  args.first_block = 0;
  args.last_block = static_cast<std::int64_t>(rows.block_ends().size());
  args.first = first;
  args.last = last;
  args.width = tape.width;
  args.out_stride = stride;
  args.sums = sums.columns.data();
  args.pack_a = pack_a.data();
  for (int i = 0; i < 2; ++i) {
    sums.part[i].assign(static_cast<std::size_t>(stride * depths[i]), 0.0f);
    packed[i].resize(static_cast<std::size_t>(kBlockRows * depths[i]));
    args.parts[i].first = i == 0 ? 0 : self.from;
    args.parts[i].last = i == 0 ? tape.width : self.to;
    args.parts[i].depth = depths[i];
    args.parts[i].out = sums.part[i].data();
    args.parts[i].pack = packed[i].data();
  }
  kernels.outer(args);
  return sums;
}

// The index of entry (column, j) of a result.
std::size_t at(const Sums& sums, std::int64_t column, std::int64_t j) {
  const std::int64_t stride = static_cast<std::int64_t>(sums.columns.size());
  return static_cast<std::size_t>(j * stride + column - sums.first);
}

double sum_of_products(const Tape& tape, std::int64_t column, const Floats& b, std::int64_t b_stride,
                       std::int64_t j, std::int64_t zeros) {
  double sum = 0;
  for (std::int64_t row = zeros; row < tape.rows; ++row) {
    sum += static_cast<double>(tape.a[static_cast<std::size_t>(row * tape.a_stride + column)]) *
           static_cast<double>(b[static_cast<std::size_t>(row * b_stride + j)]);
  }
  return sum;
}

double worst_error(const Tape& tape, const Sums& sums, SelfPart self, std::int64_t zeros) {
  double worst = 0;
  const auto meet = [&](float got, double wanted) {
    const double off = std::fabs(static_cast<double>(got) - wanted);
    if (!(off <= worst)) worst = off;
  };
  for (std::int64_t i = sums.first; i < sums.last; ++i) {
    for (std::int64_t j = 0; j < tape.depth; ++j) {
      meet(sums.part[0][at(sums, i, j)], sum_of_products(tape, i, tape.b, tape.b_stride, j, zeros));
    }
    for (std::int64_t j = 0; j < self.depth && self.from <= i && i < self.to; ++j) {
      meet(sums.part[1][at(sums, i, j)], sum_of_products(tape, i, tape.a, tape.a_stride, j, 0));
    }
    double column = 0;
    for (std::int64_t row = 0; row < tape.rows; ++row) {
      column += static_cast<double>(tape.a[static_cast<std::size_t>(row * tape.a_stride + i)]);
    }
    meet(sums.columns[at(sums, i, 0)], column);
  }
  return worst;
}

}  // namespace

TEST_CASE("row runs: rows that follow each other are one run, cut where a block of 256 row numbers ends") {
  for (const std::int64_t first : {0, 1, 100, 255, 256, 700}) {
    for (const std::int64_t piece : {1, 2, 3, 64, 255, 256, 257, 1000}) {
      CAPTURE(first);
      CAPTURE(piece);
      const Tape tape(700, 5, 3);
      const Listed list = listed(tape.runs(first, piece, 0));
      REQUIRE(list.places.size() == 700);
      for (std::int64_t row = 0; row < 700; ++row) {
        CHECK(list.places[static_cast<std::size_t>(row)] == place_in(tape.run(row, 1), 0));
      }
      std::vector<std::int64_t> wanted;  // rows of each block, by absolute number
      for (std::int64_t row = first; row < first + 700;) {
        const std::int64_t end = std::min((row / 256 + 1) * 256, first + 700);
        wanted.push_back(end - row);
        row = end;
      }
      CHECK(list.block_rows == wanted);
      CHECK(tape.runs(first, piece, 0).runs().size() == wanted.size());  // one run a block
    }
  }
}

TEST_CASE("row runs: what does not continue the last run is a run of its own") {
  const auto runs_of = [](const RowRun& one, const RowRun& two) {
    RowRuns rows;
    rows.add(0, one);
    rows.add(one.rows, two);
    rows.close();
    const Listed list = listed(rows);
    REQUIRE(list.places.size() == static_cast<std::size_t>(one.rows + two.rows));
    for (std::int64_t i = 0; i < one.rows + two.rows; ++i) {
      const Place wanted = i < one.rows ? place_in(one, i) : place_in(two, i - one.rows);
      CHECK(list.places[static_cast<std::size_t>(i)] == wanted);
    }
    return rows.runs().size();
  };
  const RowRun one = run_at(0, 10, 4, 1000, 7);
  CHECK(runs_of(one, run_at(40, 10, 3, 1028, 7)) == 1);
  CHECK(runs_of(one, run_at(40, 10, 1, 1028, 7)) == 1);
  CHECK(runs_of(one, run_at(40, 99, 1, 1028, 99)) == 1);  // a single row has no stride
  CHECK(runs_of(one, run_at(41, 10, 3, 1028, 7)) == 2);   // a elsewhere
  CHECK(runs_of(one, run_at(40, 10, 3, 1029, 7)) == 2);   // b elsewhere
  CHECK(runs_of(one, run_at(40, 11, 3, 1028, 7)) == 2);   // another stride of a
  CHECK(runs_of(one, run_at(40, 10, 3, 1028, 8)) == 2);   // another stride of b
  RowRun zeros = run_at(40, 10, 3, 1028, 7);
  zeros.b[0] = nullptr;
  CHECK(runs_of(one, zeros) == 2);
  RowRun first_zeros = one;
  first_zeros.b[0] = nullptr;
  CHECK(runs_of(first_zeros, zeros) == 1);
  CHECK(runs_of(first_zeros, run_at(40, 10, 3, 1028, 7)) == 2);
  // The distance of two single rows becomes the stride, which the third row must keep.
  CHECK(runs_of(run_at(0, 1, 1, 1000, 1), run_at(500, 1, 1, 900, 1)) == 1);
  RowRuns rows;
  rows.add(0, run_at(0, 1, 1, 1000, 1));
  rows.add(1, run_at(500, 1, 1, 1100, 1));
  rows.add(2, run_at(1000, 1, 1, 1200, 1));
  CHECK(rows.runs().size() == 1);
  rows.add(3, run_at(1501, 1, 1, 1300, 1));
  CHECK(rows.runs().size() == 2);
}

TEST_CASE("row runs: rows that are missing leave blocks short; clear begins anew") {
  RowRuns rows;
  for (int twice = 0; twice < 2; ++twice) {
    rows.clear();
    CHECK(rows.runs().empty());
    CHECK(rows.block_ends().empty());
    rows.add(10, run_at(0, 10, 5, 1000, 7));
    rows.add(250, run_at(100, 10, 10, 2000, 7));  // over the border at 256
    rows.add(1030, run_at(400, 10, 1, 3000, 7));  // two blocks between have no row
    rows.add(1031, run_at(600, 10, 0, 4000, 7));  // no rows: no run
    rows.close();
    rows.close();
    CHECK(listed(rows).block_rows == std::vector<std::int64_t>{11, 4, 1});
  }
}

TEST_CASE("outer: sums over more than one block of rows against double, for odd widths and depths") {
  for_each_isa([](const std::string&) {
    for (const std::int64_t rows : {1, 5, 256, 257, 700}) {
      for (const std::int64_t width : {1, 4, 17, 50, 70}) {
        for (const std::int64_t depth : {1, 3, 9, 20}) {
          for (const std::int64_t zeros : {std::int64_t{0}, rows / 3, rows}) {
            CAPTURE(rows);
            CAPTURE(width);
            CAPTURE(depth);
            CAPTURE(zeros);
            const Tape tape(rows, width, depth);
            const SelfPart self{width / 3, width - width / 4, std::min<std::int64_t>(width, 7)};
            const Sums sums = outer(tape, tape.runs(30, 9, zeros), 0, width, self);
            CHECK(worst_error(tape, sums, self, zeros) <= 6e-8 * 64 * std::sqrt(static_cast<double>(rows)));
          }
        }
      }
    }
  });
}

TEST_CASE("outer: sums have the same bits whatever the pieces of rows and of columns") {
  for_each_isa([](const std::string&) {
    const std::int64_t lanes = fastgru::active_kernels().lanes, width = 6 * 16 + 5;
    const Tape tape(600, width, 11);
    const SelfPart self{20, 90, 6};
    const Sums whole = outer(tape, tape.runs(0, 600, 200), 0, width, self);
    const auto check_piece = [&](const Sums& piece) {
      for (std::int64_t i = piece.first; i < piece.last; ++i) {
        CHECK(piece.columns[at(piece, i, 0)] == whole.columns[at(whole, i, 0)]);
        for (std::int64_t j = 0; j < 11; ++j) {
          CHECK(piece.part[0][at(piece, i, j)] == whole.part[0][at(whole, i, j)]);
        }
        for (std::int64_t j = 0; j < 6 && 20 <= i && i < 90; ++j) {
          CHECK(piece.part[1][at(piece, i, j)] == whole.part[1][at(whole, i, j)]);
        }
      }
    };
    for (const std::int64_t rows : {1, 7, 8, 50, 256})
      check_piece(outer(tape, tape.runs(0, rows, 200), 0, width, self));
    const RowRuns runs = tape.runs(0, 600, 200);
    for (const std::int64_t vectors : {1, 2, 3, 5}) {
      for (std::int64_t first = 0; first < width; first += vectors * lanes) {
        check_piece(outer(tape, runs, first, std::min(first + vectors * lanes, width), self));
      }
    }
  });
}

TEST_CASE("outer: each block is summed from zero, and the blocks' sums are added in order") {
  for_each_isa([](const std::string&) {
    const Tape tape(600, 37, 5);
    const SelfPart none{0, 0, 0};
    const Sums whole = outer(tape, tape.runs(0, 600, 0), 0, 37, none);
    Sums sum = whole;
    std::fill(sum.part[0].begin(), sum.part[0].end(), 0.0f);
    for (std::int64_t first = 0; first < 600; first += 256) {
      RowRuns one;
      one.add(first, tape.run(first, std::min<std::int64_t>(256, 600 - first)));
      one.close();
      const Sums block = outer(tape, one, 0, 37, none);
      for (std::size_t i = 0; i < sum.part[0].size(); ++i) sum.part[0][i] += block.part[0][i];
    }
    for (std::int64_t i = 0; i < 37; ++i) {
      for (std::int64_t j = 0; j < 5; ++j)
        CHECK(sum.part[0][at(sum, i, j)] == whole.part[0][at(whole, i, j)]);
    }
  });
}

TEST_CASE("weight gradients: in digits with the recipe in three digits, for enough rows a block, together") {
  for_each_isa([](const std::string& isa) {
    fastgru::GruConfig config;
    config.input_size = 30;
    config.hidden_size = 512;
    const fastgru::RecipeChoice wide = fastgru::choose_recipe(config);
    CHECK((fastgru::gradient_digits(wide) != nullptr) == (isa == "amx"));
    config.hidden_size = 20;
    const bool narrow = fastgru::gradient_digits(fastgru::choose_recipe(config)) != nullptr;
    CHECK_FALSE(narrow);
  });
  CHECK(fastgru::gradients_in_digits(64, 1));
  CHECK_FALSE(fastgru::gradients_in_digits(63, 1));
  CHECK_FALSE(fastgru::gradients_in_digits(257, 5));
  std::vector<fastgru::GradientPiece> pieces;
  for (const int threads : {1, 2, 3}) {
    pieces.clear();
    fastgru::plan_gradient_pieces(fastgru::gradient_shapes(512, 512, true), 0, 16, threads, true, pieces);
    REQUIRE(pieces.size() == static_cast<std::size_t>(threads));
    CHECK(pieces.front().digits);
    CHECK((pieces.front().wanted[fastgru::kStatePart] && pieces.back().wanted[fastgru::kInputPart]));
  }
}
