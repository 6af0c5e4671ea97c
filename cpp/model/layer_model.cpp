// A saved layer (fastgru.GRU) as a model. Its output is the top layer's state after every step.
#include <utility>

#include "engine/engine.h"
#include "model/convert.h"
#include "model/model.h"
#include "model/parts.h"
#include "model/weights.h"
#include "runtime/denormals.h"

namespace fastgru {
namespace {

template <class S>
class LayerStream final : public ModelStream {
 public:
  static Status make(std::shared_ptr<const Weights<S>> weights, std::int64_t rows,
                     std::unique_ptr<ModelStream>& result) {
    FASTGRU_RETURN_IF_ERROR(check_stream(weights->config(), rows, sizeof(S)));
    std::unique_ptr<LayerStream> fresh(new LayerStream(Stream<S>(std::move(weights), rows)));
    if (!fresh->reserve()) return out_of_memory();
    result = std::move(fresh);
    return {};
  }

  std::int64_t rows() const noexcept override { return stream_.rows(); }
  void step(const float* x, float* y) noexcept override { run(x, y, rows()); }
  void step(const double* x, double* y) noexcept override { run(x, y, rows()); }
  void reset() noexcept override { stream_.reset(); }

  std::size_t state_bytes() const noexcept override { return static_cast<std::size_t>(rows()) * row_bytes(); }
  void save(void* to) const noexcept override { stream_.get_state(static_cast<S*>(to)); }
  void restore(const void* from) noexcept override { stream_.set_state(static_cast<const S*>(from)); }

  Status copy(std::unique_ptr<ModelStream>& result) const override {
    std::unique_ptr<LayerStream> fresh(new LayerStream(stream_));
    if (!fresh->reserve()) return out_of_memory();
    result = std::move(fresh);
    return {};
  }

  void step_rows(const float* x, float* y, std::int64_t rows) noexcept override { run(x, y, rows); }
  void step_rows(const double* x, double* y, std::int64_t rows) noexcept override { run(x, y, rows); }
  std::size_t row_bytes() const noexcept override {
    return static_cast<std::size_t>(config().num_layers * config().hidden_size) * sizeof(S);
  }
  void save_row(std::int64_t row, void* to) const noexcept override {
    stream_.get_row(row, static_cast<S*>(to));
  }
  void restore_row(std::int64_t row, const void* from) noexcept override {
    stream_.set_row(row, static_cast<const S*>(from));
  }

 private:
  explicit LayerStream(const Stream<S>& stream) : stream_(stream) {}

  const GruConfig& config() const noexcept { return stream_.weights().config(); }
  bool reserve() {
    return x_.reserve(rows() * config().input_size) && y_.reserve(rows() * config().hidden_size);
  }

  template <class X>
  void run(const X* x, X* y, std::int64_t rows) noexcept {
    const KeepFloatState keep;
    if constexpr (std::is_same_v<X, S>) {
      stream_.step(x, y, rows);
    } else {
      convert(x, rows * config().input_size, x_.data());
      stream_.step(x_.data(), y_.data(), rows);
      convert(y_.data(), rows * config().hidden_size, y);
    }
  }

  Stream<S> stream_;
  AlignedBuffer<S> x_, y_;
};

template <class S>
class LayerModel final : public LoadedModel {
 public:
  LayerModel(ModelInfo about, std::shared_ptr<const Weights<S>> weights) : weights_(std::move(weights)) {
    const GruConfig& config = weights_->config();
    info_ = std::move(about);
    info_.input_size = config.input_size;
    info_.hidden_size = config.hidden_size;
    info_.num_layers = config.num_layers;
    info_.directions = config.directions();
    info_.output_size = config.directions() * config.hidden_size;
    info_.parameters = weights_->layout().total();
    info_.every_step = true;
    info_.reset_after = config.reset_after;
    info_.bias = config.bias;
    info_.is_double = std::is_same_v<S, double>;
  }

  Status stream(std::int64_t rows, std::unique_ptr<ModelStream>& result) const override {
    return LayerStream<S>::make(weights_, rows, result);
  }
  Status forward(const SequenceCall<float>& call) const override { return run(call); }
  Status forward(const SequenceCall<double>& call) const override { return run(call); }
  Status parameter(std::string_view name, double* values, std::int64_t count) const override {
    const NamedValues<S> found = find(name);
    if (found.data == nullptr) return unknown_parameter(weights_->layout().slots(), name);
    return copy_values(name, found, values, count);
  }
  std::int64_t parameter_size(std::string_view name) const override { return find(name).count; }

 private:
  NamedValues<S> find(std::string_view name) const {
    return find_parameter(weights_->layout().slots(), weights_->params(), name);
  }

  template <class X>
  Status run(const SequenceCall<X>& call) const {
    FASTGRU_RETURN_IF_ERROR(check_call(info(), call));
    FASTGRU_RETURN_IF_ERROR(check_memory(weights_->config(), call.steps, call.rows, sizeof(S)));
    const std::int64_t cells = call.rows * call.steps;
    Converted<S> inputs, outputs;
    AlignedBuffer<S> last;
    const S* x = nullptr;
    S* y = nullptr;
    FASTGRU_RETURN_IF_ERROR(inputs.read(call.x, cells * info().input_size, x));
    FASTGRU_RETURN_IF_ERROR(outputs.target(call.y, cells * info().output_size, y));
    if (!last.reserve(info().num_layers * call.rows * info().output_size)) return out_of_memory();
    ForwardArgs<S> args;
    args.x = rows_first(x, call, info().input_size);
    args.y = rows_first(y, call, info().output_size);
    args.h_n = last.data();
    args.lengths = call.lengths;
    RunOptions options;
    options.num_threads = call.num_threads;
    Workspace<S> workspace;
    FASTGRU_RETURN_IF_ERROR(fastgru::forward(*weights_, args, workspace, options));
    outputs.write(cells * info().output_size, call.y);
    return {};
  }

  template <class T, class X>
  static SequenceView<T> rows_first(T* data, const SequenceCall<X>& call, std::int64_t features) {
    return {data, call.steps, call.rows, features, features, call.steps * features};
  }

  std::shared_ptr<const Weights<S>> weights_;
};

}  // namespace

template <class S>
LoadedModelPtr as_model(ModelInfo about, std::shared_ptr<const Weights<S>> weights) {
  return std::make_shared<const LayerModel<S>>(std::move(about), std::move(weights));
}

template <class S>
Status make_stream(std::shared_ptr<const Weights<S>> weights, std::int64_t rows,
                   std::unique_ptr<ModelStream>& result) {
  return LayerStream<S>::make(std::move(weights), rows, result);
}

template Status make_stream(std::shared_ptr<const Weights<float>>, std::int64_t,
                            std::unique_ptr<ModelStream>&);
template Status make_stream(std::shared_ptr<const Weights<double>>, std::int64_t,
                            std::unique_ptr<ModelStream>&);
template LoadedModelPtr as_model(ModelInfo, std::shared_ptr<const Weights<float>>);
template LoadedModelPtr as_model(ModelInfo, std::shared_ptr<const Weights<double>>);

}  // namespace fastgru
