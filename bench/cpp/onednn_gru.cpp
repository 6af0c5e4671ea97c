// oneDNN's lbr_gru behind a C interface, for bench/peers/onednn.py: the primitives are made once, with the
// weight layouts oneDNN asks for, so that what is timed is their execution alone.
//
// Arrays as oneDNN wants them: x (T, B, I), y (T, B, D*H), states (L, D, B, H), weights (L, D, I or H, 3, H)
// and biases (L, D, 4, H), gates in the order update, reset, candidate (and the candidate's second bias).
//
// Reduced arithmetic, of inference: weights and activations rounded to bf16 on the way into each product
// (oneDNN's fpmath mode), or inputs, states and outputs in bf16 altogether. These are converted once, when x
// is another array than in the call before, and when outputs are read: an app would have them in bf16.

#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <unordered_map>
#include <vector>

#include "oneapi/dnnl/dnnl.hpp"

namespace {

using dnnl::memory;
using Args = std::unordered_map<int, memory>;
using Tag = memory::format_tag;

enum class Arithmetic { float32, fpmath_bf16, bf16 };

struct Gru {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  memory::dim T, B, I, H, L, D;
  memory::data_type type = memory::data_type::f32;  // of inputs, states, outputs and weights
  dnnl::primitive_attr attributes;
  const float* given = nullptr;  // the inputs that x has in bf16
  memory x, y, h0, h_n, weights_x, weights_h, bias, workspace;
  memory weights_x_back, weights_h_back;
  memory dx, dy, dh0, dh_n, dweights_x, dweights_h, dbias;
  std::vector<float>
      states[2];  // of h0 and h_n, which swap them: a memory object that owns its data must keep it
  dnnl::primitive forward, backward;
  Args forward_args, backward_args;

  static memory::desc dense(const memory::dims& dims, Tag tag) {
    return memory::desc(dims, memory::data_type::f32, tag);
  }
  memory::desc typed(const memory::dims& dims, Tag tag) const { return memory::desc(dims, type, tag); }
  memory make(const memory::desc& desc) { return memory(desc, engine); }
  memory wrap(const memory::dims& dims, Tag tag, void* data) {
    return memory(dense(dims, tag), engine, data);
  }
  memory zeros(const memory::desc& desc) {
    memory result = make(desc);
    std::memset(result.get_data_handle(), 0, desc.get_size());
    return result;
  }
  memory reordered(memory from, const memory::desc& desc) {
    memory to = make(desc);
    dnnl::reorder(from, to).execute(stream, from, to);
    stream.wait();
    return to;
  }

  dnnl::rnn_direction direction() const {
    return D == 2 ? dnnl::rnn_direction::bidirectional_concat
                  : dnnl::rnn_direction::unidirectional_left2right;
  }
  memory::dims x_dims() const { return {T, B, I}; }
  memory::dims y_dims() const { return {T, B, D * H}; }
  memory::dims state_dims() const { return {L, D, B, H}; }
  memory::dims weights_x_dims() const { return {L, D, I, 3, H}; }
  memory::dims weights_h_dims() const { return {L, D, H, 3, H}; }
  memory::dims bias_dims() const { return {L, D, 4, H}; }

  void choose(Arithmetic arithmetic);
  void give(float* inputs, float* outputs);
  void prepare_forward(bool train, float* wx, float* wh, float* b);
  void prepare_backward(const dnnl::lbr_gru_forward::primitive_desc& hint, float* wx, float* wh);
};

void Gru::choose(Arithmetic arithmetic) {
  if (arithmetic == Arithmetic::bf16) type = memory::data_type::bf16;
  if (arithmetic == Arithmetic::fpmath_bf16) attributes.set_fpmath_mode(dnnl::fpmath_mode::bf16);
}

// The arrays of the next call.
void Gru::give(float* inputs, float* outputs) {
  if (type == memory::data_type::f32) {
    x.set_data_handle(inputs);
    y.set_data_handle(outputs);
  } else if (given != inputs) {
    memory from = wrap(x_dims(), Tag::tnc, inputs);
    dnnl::reorder(from, x).execute(stream, from, x);
    stream.wait();
    given = inputs;
  }
}

void Gru::prepare_forward(bool train, float* wx, float* wh, float* b) {
  const auto kind = train ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  const auto state = typed(state_dims(), Tag::ldnc);
  const dnnl::lbr_gru_forward::primitive_desc desc(
      engine, kind, direction(), typed(x_dims(), Tag::tnc), state, typed(weights_x_dims(), Tag::any),
      typed(weights_h_dims(), Tag::any), dense(bias_dims(), Tag::ldgo), typed(y_dims(), Tag::tnc), state,
      attributes);
  weights_x = reordered(wrap(weights_x_dims(), Tag::ldigo, wx), desc.weights_layer_desc());
  weights_h = reordered(wrap(weights_h_dims(), Tag::ldigo, wh), desc.weights_iter_desc());
  bias = reordered(wrap(bias_dims(), Tag::ldgo, b), dense(bias_dims(), Tag::ldgo));
  if (type == memory::data_type::f32) {
    x = memory(dense(x_dims(), Tag::tnc), engine, DNNL_MEMORY_NONE);
    y = memory(dense(y_dims(), Tag::tnc), engine, DNNL_MEMORY_NONE);
  } else {
    x = make(typed(x_dims(), Tag::tnc));
    y = make(typed(y_dims(), Tag::tnc));
  }
  for (auto& values : states) values.assign(state.get_size() / sizeof(float) + 1, 0.0f);
  h0 = memory(state, engine, states[0].data());
  h_n = memory(state, engine, states[1].data());
  forward = dnnl::lbr_gru_forward(desc);
  forward_args = {{DNNL_ARG_SRC_LAYER, x},
                  {DNNL_ARG_SRC_ITER, h0},
                  {DNNL_ARG_WEIGHTS_LAYER, weights_x},
                  {DNNL_ARG_WEIGHTS_ITER, weights_h},
                  {DNNL_ARG_BIAS, bias},
                  {DNNL_ARG_DST_LAYER, y},
                  {DNNL_ARG_DST_ITER, h_n}};
  if (!train) return;
  workspace = make(desc.workspace_desc());
  forward_args[DNNL_ARG_WORKSPACE] = workspace;
  prepare_backward(desc, wx, wh);
}

void Gru::prepare_backward(const dnnl::lbr_gru_forward::primitive_desc& hint, float* wx, float* wh) {
  const auto state = dense(state_dims(), Tag::ldnc);
  const dnnl::lbr_gru_backward::primitive_desc desc(
      engine, dnnl::prop_kind::backward, direction(), dense(x_dims(), Tag::tnc), state,
      dense(weights_x_dims(), Tag::any), dense(weights_h_dims(), Tag::any), dense(bias_dims(), Tag::ldgo),
      dense(y_dims(), Tag::tnc), state, dense(x_dims(), Tag::tnc), state, dense(weights_x_dims(), Tag::any),
      dense(weights_h_dims(), Tag::any), dense(bias_dims(), Tag::ldgo), dense(y_dims(), Tag::tnc), state,
      hint);
  weights_x_back = reordered(wrap(weights_x_dims(), Tag::ldigo, wx), desc.weights_layer_desc());
  weights_h_back = reordered(wrap(weights_h_dims(), Tag::ldigo, wh), desc.weights_iter_desc());
  dx = make(dense(x_dims(), Tag::tnc));
  dy = memory(dense(y_dims(), Tag::tnc), engine, DNNL_MEMORY_NONE);
  dh0 = make(state);
  dh_n = zeros(state);
  dweights_x = make(desc.diff_weights_layer_desc());
  dweights_h = make(desc.diff_weights_iter_desc());
  dbias = make(dense(bias_dims(), Tag::ldgo));
  backward = dnnl::lbr_gru_backward(desc);
  backward_args = forward_args;
  backward_args[DNNL_ARG_WEIGHTS_LAYER] = weights_x_back;
  backward_args[DNNL_ARG_WEIGHTS_ITER] = weights_h_back;
  backward_args[DNNL_ARG_DIFF_SRC_LAYER] = dx;
  backward_args[DNNL_ARG_DIFF_SRC_ITER] = dh0;
  backward_args[DNNL_ARG_DIFF_WEIGHTS_LAYER] = dweights_x;
  backward_args[DNNL_ARG_DIFF_WEIGHTS_ITER] = dweights_h;
  backward_args[DNNL_ARG_DIFF_BIAS] = dbias;
  backward_args[DNNL_ARG_DIFF_DST_LAYER] = dy;
  backward_args[DNNL_ARG_DIFF_DST_ITER] = dh_n;
}

void clear(memory& m) { std::memset(m.get_data_handle(), 0, m.get_desc().get_size()); }

void copy_out(Gru& gru, memory& from, const memory::dims& dims, Tag tag, float* to) {
  memory target = gru.wrap(dims, tag, to);
  dnnl::reorder(from, target).execute(gru.stream, from, target);
  gru.stream.wait();
}

thread_local char last_error[512];

int failed(const std::exception& error) {
  std::snprintf(last_error, sizeof last_error, "%s", error.what());
  return 1;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT const char* gru_error() { return last_error; }

EXPORT const char* gru_version() {
  static char text[64];
  const dnnl_version_t* v = dnnl_version();
  std::snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
  return text;
}

EXPORT void* gru_new(const long long* sizes, int train, int arithmetic, float* weights_x, float* weights_h,
                     float* bias) {
  try {
    auto gru = std::make_unique<Gru>();
    gru->T = sizes[0];
    gru->B = sizes[1];
    gru->I = sizes[2];
    gru->H = sizes[3];
    gru->L = sizes[4];
    gru->D = sizes[5];
    gru->choose(static_cast<Arithmetic>(arithmetic));
    gru->prepare_forward(train != 0, weights_x, weights_h, bias);
    return gru.release();
  } catch (const std::exception& error) {
    failed(error);
    return nullptr;
  }
}

EXPORT void gru_free(void* handle) { delete static_cast<Gru*>(handle); }

EXPORT int gru_forward(void* handle, float* x, float* y) {
  try {
    Gru& gru = *static_cast<Gru*>(handle);
    gru.give(x, y);
    gru.forward.execute(gru.stream, gru.forward_args);
    gru.stream.wait();
    return 0;
  } catch (const std::exception& error) {
    return failed(error);
  }
}

// Outputs of the last call as float32, where they are not in the array that was given.
EXPORT int gru_read(void* handle, float* y) {
  try {
    Gru& gru = *static_cast<Gru*>(handle);
    if (gru.type != memory::data_type::f32) copy_out(gru, gru.y, gru.y_dims(), Tag::tnc, y);
    return 0;
  } catch (const std::exception& error) {
    return failed(error);
  }
}

// `times` calls in a row, so that they can be timed as a C++ program would run them.
EXPORT int gru_forward_times(void* handle, float* x, float* y, long long times) {
  int status = 0;
  for (long long k = 0; k < times; ++k) status |= gru_forward(handle, x, y);
  return status;
}

// `times` steps of a stream (T = 1), over `inputs` inputs again and again. The state stays in the handle, in
// the two arrays that swap their roles. `seconds`, if not null, gets the time of each step.
EXPORT int gru_steps(void* handle, float* x, long long inputs, float* y, long long times, double* seconds) {
  using Clock = std::chrono::steady_clock;
  Gru& gru = *static_cast<Gru*>(handle);
  int status = 0;
  for (long long k = 0; k < times; ++k) {
    const auto start = seconds != nullptr ? Clock::now() : Clock::time_point();
    status |= gru_forward(handle, x + (k % inputs) * gru.I, y);
    void* old_state = gru.h0.get_data_handle();
    gru.h0.set_data_handle(gru.h_n.get_data_handle());
    gru.h_n.set_data_handle(old_state);
    if (seconds != nullptr) seconds[k] = std::chrono::duration<double>(Clock::now() - start).count();
  }
  return status;
}

EXPORT void gru_reset(void* handle) { clear(static_cast<Gru*>(handle)->h0); }

// Forward for training and backward. Gradients stay in the handle; oneDNN adds to what is there, so they
// start at zero.
EXPORT int gru_train(void* handle, float* x, float* y, float* dy) {
  try {
    Gru& gru = *static_cast<Gru*>(handle);
    gru.x.set_data_handle(x);
    gru.y.set_data_handle(y);
    gru.dy.set_data_handle(dy);
    clear(gru.dweights_x);
    clear(gru.dweights_h);
    clear(gru.dbias);
    gru.forward.execute(gru.stream, gru.forward_args);
    gru.backward.execute(gru.stream, gru.backward_args);
    gru.stream.wait();
    return 0;
  } catch (const std::exception& error) {
    return failed(error);
  }
}

EXPORT int gru_train_times(void* handle, float* x, float* y, float* dy, long long times) {
  int status = 0;
  for (long long k = 0; k < times; ++k) status |= gru_train(handle, x, y, dy);
  return status;
}

EXPORT int gru_gradients(void* handle, float* dx, float* dweights_x, float* dweights_h, float* dbias) {
  try {
    Gru& gru = *static_cast<Gru*>(handle);
    copy_out(gru, gru.dx, gru.x_dims(), Tag::tnc, dx);
    copy_out(gru, gru.dweights_x, gru.weights_x_dims(), Tag::ldigo, dweights_x);
    copy_out(gru, gru.dweights_h, gru.weights_h_dims(), Tag::ldigo, dweights_h);
    copy_out(gru, gru.dbias, gru.bias_dims(), Tag::ldgo, dbias);
    return 0;
  } catch (const std::exception& error) {
    return failed(error);
  }
}
