// The layers of a forward call, one after the other: directions and row blocks in parallel within each.
#include "engine_f32/packed.h"
#include "engine_f32/state.h"

namespace fastgru {
namespace {

ForwardDirection make_direction(const Weights<float>& weights, const Plan& plan,
                                const SortedOperands& operands, const LayerBuffers& buffers,
                                std::int64_t layer, std::int64_t d) {
  const GruConfig& config = weights.config();
  const std::int64_t index = layer * config.directions() + d, hidden = config.hidden_size;
  const std::int64_t offset = index * operands.order.rows() * hidden;
  ForwardDirection direction{};
  direction.kernels = plan.kernels;
  direction.cell = weights.packed().cells[static_cast<std::size_t>(index)].get();
  direction.plan = plan.layers[static_cast<std::size_t>(layer)];
  direction.order = &operands.order;
  direction.steps = {0, operands.order.steps()};
  direction.hidden = hidden;
  direction.reverse = d == 1;
  direction.x = buffers.input;
  direction.h = {buffers.y.data + d * hidden, buffers.y.step_stride, buffers.y.row_stride, buffers.ring};
  direction.h0 = operands.h0 == nullptr ? nullptr : operands.h0 + offset;
  direction.h_n = operands.h_n + offset;
  direction.slots = {buffers.slots[d], operands.order.rows(), hidden, 0};
  return direction;
}

double step_flops(const ForwardDirection& direction, std::int64_t rows) {
  return 6.0 *
         static_cast<double>(direction.hidden * (direction.hidden + direction.cell->input_size()) * rows);
}

// Some directions of one layer.
Status run_directions(const ForwardDirection* directions, std::int64_t count, const RowSplit& split,
                      AlignedBuffer<float>& scratch, const RunOptions& options) {
  const std::int64_t block = split.block_rows();
  const std::int64_t size = split.slices * forward_scratch_size(directions[0], block);
  if (!scratch.reserve(size * split.teams)) return out_of_memory("the scratch of a forward call");
  for_row_blocks(split, count, options.interrupt,
                 [&](const WorkItem& item, TeamMember& member, int team, bool owner) {
                   const ForwardDirection& direction = directions[item.direction];
                   StopSignal stop(options.interrupt, owner, step_flops(direction, block));
                   return run_forward(direction, item.rows, member, scratch.data() + team * size, stop);
                 });
  return options.interrupt != nullptr && options.interrupt->raised() ? Status::interrupted() : Status();
}

}  // namespace

Status run_layers(const Weights<float>& weights, const Plan& plan, const SortedOperands& operands,
                  std::size_t first, std::size_t last, const std::vector<LayerBuffers>& layers,
                  AlignedBuffer<float>& scratch, const RunOptions& options) {
  const std::int64_t directions = weights.config().directions();
  for (std::size_t layer = first; layer < last; ++layer) {
    ForwardDirection both[2];
    for (std::int64_t d = 0; d < directions; ++d) {
      both[d] = make_direction(weights, plan, operands, layers[layer], static_cast<std::int64_t>(layer), d);
    }
    FASTGRU_RETURN_IF_ERROR(run_directions(both, directions, plan.split, scratch, options));
  }
  return {};
}

Status recompute(const Weights<float>& weights, const Plan& plan, const SortedOperands& operands,
                 const LayerBuffers& buffers, const RecomputeRange& range, AlignedBuffer<float>& scratch,
                 const RunOptions& options) {
  ForwardDirection direction = make_direction(weights, plan, operands, buffers, range.layer, range.d);
  direction.steps = range.steps;
  direction.slots = range.slots;
  direction.h_n = nullptr;  // the caller's memory, which may be gone
  return run_directions(&direction, 1, plan.direction_split, scratch, options);
}

}  // namespace fastgru
