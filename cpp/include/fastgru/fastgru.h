/* fastgru.h: a trained GRU inside an app. C99 and later, C++.
 *
 * A model file that Python wrote (estimator.save, gru.save) becomes a fastgru_model: immutable, to be used by
 * any number of threads at once. A fastgru_stream is the state of some sequences that advance step by step.
 *
 * Rules that hold for every function:
 *   - Nothing is global: messages go to the fastgru_error the caller passes, which may be NULL.
 *   - What a pointer named `result` points at is written on FASTGRU_OK only.
 *   - Handles come from fastgru_..._new or _load and go with fastgru_..._free, which takes NULL.
 *   - No exception leaves a function. Strings are UTF-8. Arrays are dense, in C order.
 *   - Calls on several threads leave OpenMP's threads waiting for the next. The code under them must stay in
 *     memory, so libfastgru.so is linked with -z nodelete; a plugin that holds the static library must be,
 * too (CMake and pkg-config --static do it). Where the system refuses threads, a call runs on fewer.
 *   - Functions marked [real-time] do not allocate, lock, call the system or read the clock; subnormal
 * numbers do not slow them, and the floating-point control register is afterwards what it was before.
 */
#ifndef FASTGRU_FASTGRU_H
#define FASTGRU_FASTGRU_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(FASTGRU_BUILDING_SHARED)
#define FASTGRU_API __declspec(dllexport)
#elif defined(_WIN32) && defined(FASTGRU_SHARED)
#define FASTGRU_API __declspec(dllimport)
#elif defined(__GNUC__) && defined(FASTGRU_BUILDING_SHARED)
#define FASTGRU_API __attribute__((visibility("default")))
#else
#define FASTGRU_API
#endif

#ifdef __cplusplus
#define FASTGRU_NOEXCEPT noexcept
extern "C" {
#else
#define FASTGRU_NOEXCEPT
#endif

/* Goes up when a program compiled against an older header could no longer run with the library. Functions and
 * fields at the end of fastgru_model_info may be added without that. */
#define FASTGRU_ABI_VERSION 1

FASTGRU_API uint32_t fastgru_abi_version(void) FASTGRU_NOEXCEPT;
FASTGRU_API const char* fastgru_version(void) FASTGRU_NOEXCEPT; /* "0.1.0" */

/* The instruction set of the kernels in this process: "avx512", "avx2", "neon", "baseline". And what was
 * wrong with the environment variable FASTGRU_ISA, or "". Both texts stay valid. */
FASTGRU_API const char* fastgru_isa(void) FASTGRU_NOEXCEPT;
FASTGRU_API const char* fastgru_isa_warning(void) FASTGRU_NOEXCEPT;

typedef enum fastgru_status {
  FASTGRU_OK = 0,
  FASTGRU_INVALID_ARGUMENT = 1, /* the caller's mistake; the message names the argument */
  FASTGRU_OUT_OF_MEMORY = 2,
  FASTGRU_IO_ERROR = 3,     /* the file cannot be read; the message has the path and the reason */
  FASTGRU_MODEL_FORMAT = 4, /* not a model file, damaged, too new, or failing its own self-test */
  FASTGRU_INTERNAL = 5      /* a bug of fastgru's */
} fastgru_status;

FASTGRU_API const char* fastgru_status_name(fastgru_status status) FASTGRU_NOEXCEPT; /* "invalid argument" */

/* What went wrong, ending in a zero byte; empty after FASTGRU_OK. */
typedef struct fastgru_error {
  char message[512];
} fastgru_error;

typedef struct fastgru_model fastgru_model;
typedef struct fastgru_stream fastgru_stream;

/* ---- models ---- */

FASTGRU_API fastgru_status fastgru_model_load(const char* path, fastgru_model** result,
                                              fastgru_error* error) FASTGRU_NOEXCEPT;
/* The bytes of a model file; they are not needed after the call. */
FASTGRU_API fastgru_status fastgru_model_load_memory(const void* bytes, size_t size, fastgru_model** result,
                                                     fastgru_error* error) FASTGRU_NOEXCEPT;
/* Streams of the model keep what they need of it. */
FASTGRU_API void fastgru_model_free(fastgru_model* model) FASTGRU_NOEXCEPT;

typedef struct fastgru_model_info {
  size_t struct_size; /* set it to sizeof(fastgru_model_info) before the call */
  char kind[32];      /* the Python class: "GRU", "GRURegressor" */
  int64_t input_size; /* raw features of a time step */
  int64_t output_size;
  int64_t hidden_size;
  int64_t num_layers;
  int64_t num_directions;
  int64_t num_parameters;
  int32_t every_step; /* 1: fastgru_model_forward answers after every step, 0: once for a sequence */
  int32_t can_stream; /* 0: two directions, whose second one needs the future */
  int32_t is_float64; /* 1: computes in float64, else in float32 */
  /* Later fields. A library older than this header leaves them as they were. */
  int32_t reset_after;     /* 1: PyTorch's and Keras' GRU, 0: that of Cho et al. (2014) */
  int32_t has_bias;        /* 0: a GRU without bias_ih and bias_hh */
  int32_t format_version;  /* of the file, 1 or more */
  int32_t missing_mask;    /* 1: a NaN in x is a missing value */
  int64_t vocabulary_size; /* above 0: x holds tokens, 0 to vocabulary_size - 1, as numbers */
  int64_t num_quantiles;   /* above 0: the outputs are as many quantiles of each target */
  int64_t num_classes;     /* of a classifier; one output stands for two: the probability of class 1. Of a
                            * language model: of its tokens, whose texts are the class names */
  int64_t num_metadata;    /* the user's own keys */
  int64_t frame_length;    /* above 1: so many time steps are read as one (fastgru_stream_step) */
  int64_t frame_step;      /* time steps from one frame to the next */
} fastgru_model_info;

FASTGRU_API fastgru_status fastgru_model_get_info(const fastgru_model* model,
                                                  fastgru_model_info* info) FASTGRU_NOEXCEPT;

/* Texts of the model, valid until fastgru_model_free; NULL: there is none of that name or number.
 *   class_name  the class that output `index` is the probability of; numbers and booleans as in JSON
 *   metadata    the user's own: what Python's save(path, metadata={"sample_rate": "16000"}) stored under
 * `key` metadata_key  the key of number `index` field       of the configuration (docs/model-file.md):
 * "pooling" is "mean", "quantiles" "[0.1,0.5,0.9]" */
FASTGRU_API const char* fastgru_model_class_name(const fastgru_model* model, int64_t index) FASTGRU_NOEXCEPT;
FASTGRU_API const char* fastgru_model_metadata(const fastgru_model* model, const char* key) FASTGRU_NOEXCEPT;
FASTGRU_API const char* fastgru_model_metadata_key(const fastgru_model* model,
                                                   int64_t index) FASTGRU_NOEXCEPT;
FASTGRU_API const char* fastgru_model_field(const fastgru_model* model, const char* name) FASTGRU_NOEXCEPT;

/* How many values a weight or a part of the scaling has; -1: there is none of that name. */
FASTGRU_API int64_t fastgru_model_parameter_size(const fastgru_model* model,
                                                 const char* name) FASTGRU_NOEXCEPT;
/* Copies all `count` values of a weight, in C order, under its name in the model file: "weight_ih_l0", or of
 * an estimator "gru.weight_ih_l0", "head.weight". Also of an estimator's scaling: "scaling.x_mean",
 * "scaling.x_scale" (input_size each), "scaling.y_mean", "scaling.y_scale". */
FASTGRU_API fastgru_status fastgru_model_get_parameter(const fastgru_model* model, const char* name,
                                                       double* values, int64_t count,
                                                       fastgru_error* error) FASTGRU_NOEXCEPT;

/* Whole sequences: x (rows, steps, input_size); y (rows, output_size), or (rows, steps, output_size) if
 * every_step. lengths: how many steps of each row count, 0 to steps, or NULL for all. num_threads: 1 stays on
 * the calling thread, 0 lets the library choose. The bits of a row depend on that row alone. */
FASTGRU_API fastgru_status fastgru_model_forward(const fastgru_model* model, const float* x, int64_t rows,
                                                 int64_t steps, const int64_t* lengths, float* y,
                                                 int32_t num_threads, fastgru_error* error) FASTGRU_NOEXCEPT;
/* The same for float64 data: raw values are standardised before they are rounded to the model's precision. */
FASTGRU_API fastgru_status fastgru_model_forward_f64(const fastgru_model* model, const double* x,
                                                     int64_t rows, int64_t steps, const int64_t* lengths,
                                                     double* y, int32_t num_threads,
                                                     fastgru_error* error) FASTGRU_NOEXCEPT;

/* ---- streams ---- one thread at a time each ---- */

/* `rows` sequences side by side, their state zero. */
FASTGRU_API fastgru_status fastgru_stream_new(const fastgru_model* model, int64_t rows,
                                              fastgru_stream** result, fastgru_error* error) FASTGRU_NOEXCEPT;
FASTGRU_API fastgru_status fastgru_stream_copy(const fastgru_stream* stream, fastgru_stream** result,
                                               fastgru_error* error) FASTGRU_NOEXCEPT;
FASTGRU_API void fastgru_stream_free(fastgru_stream* stream) FASTGRU_NOEXCEPT;
FASTGRU_API int64_t fastgru_stream_rows(const fastgru_stream* stream) FASTGRU_NOEXCEPT;

/* One time step: x (rows, input_size), y (rows, output_size), the answer to all steps so far, with the bits
 * of fastgru_model_forward on them. NaN in x stays in its row, until a reset. Values are not checked: of
 * tokens, ids below 1 (padding too) and beyond the vocabulary are read as the unknown one. [real-time]
 *
 * A model that reads frames answers with the last time step of each: step number frame_length, then every
 * frame_step. In between y gets the last answer again, and NaN before the first. */
FASTGRU_API void fastgru_stream_step(fastgru_stream* stream, const float* x, float* y) FASTGRU_NOEXCEPT;
FASTGRU_API void fastgru_stream_step_f64(fastgru_stream* stream, const double* x, double* y) FASTGRU_NOEXCEPT;
/* 1: the last step gave a new answer; 0: y got the one before. [real-time] */
FASTGRU_API int32_t fastgru_stream_answered(const fastgru_stream* stream) FASTGRU_NOEXCEPT;
/* Begins new sequences, from a state of zeros. [real-time]
 *
 * Where a jump is heard or seen (audio begins with a pop), begin in the settled state instead: after making a
 * stream, step some thousand steps of silence, fastgru_stream_save the state once, and fastgru_stream_restore
 * it in place of every reset. examples/plugin.c does so. */
FASTGRU_API void fastgru_stream_reset(fastgru_stream* stream) FASTGRU_NOEXCEPT;

/* The state as bytes: to keep, and to restore in a stream of the same model and as many rows, on a machine of
 * the same byte order. Both return FASTGRU_INVALID_ARGUMENT and change nothing if `size` is not
 * fastgru_stream_state_size, or the bytes are not such a state. [real-time] */
FASTGRU_API size_t fastgru_stream_state_size(const fastgru_stream* stream) FASTGRU_NOEXCEPT;
FASTGRU_API fastgru_status fastgru_stream_save(const fastgru_stream* stream, void* to,
                                               size_t size) FASTGRU_NOEXCEPT;
FASTGRU_API fastgru_status fastgru_stream_restore(fastgru_stream* stream, const void* from,
                                                  size_t size) FASTGRU_NOEXCEPT;

/* ---- pools: many sequences, each stepped at its own pace ---- one thread at a time each ----
 *
 * A pool has slots, numbered from 0. A slot that is taken holds the state of one sequence; a step advances
 * those that it names, together, which is several times as fast as a stream for each, to the same bits. */

typedef struct fastgru_pool fastgru_pool;

/* `num_threads`: of a step, each with up to 64 rows at a time; 0: as many as other calls use. With 1 the
 * functions below are [real-time] where it says so, with more the threads meet at the end of a step. */
FASTGRU_API fastgru_status fastgru_pool_new(const fastgru_model* model, int64_t capacity, int32_t num_threads,
                                            fastgru_pool** result, fastgru_error* error) FASTGRU_NOEXCEPT;
FASTGRU_API void fastgru_pool_free(fastgru_pool* pool) FASTGRU_NOEXCEPT;
FASTGRU_API int64_t fastgru_pool_capacity(const fastgru_pool* pool) FASTGRU_NOEXCEPT;
FASTGRU_API int64_t fastgru_pool_size(const fastgru_pool* pool) FASTGRU_NOEXCEPT; /* slots taken */

/* The functions below return FASTGRU_INVALID_ARGUMENT and change nothing if an id is not that of a slot in
 * use, or stands twice among `ids`; fastgru_pool_acquire if there are fewer than `count` free slots. `error`
 * may be NULL. [real-time, but for errors] */

/* Takes `count` slots, each for a sequence that has not begun, and writes their ids. */
FASTGRU_API fastgru_status fastgru_pool_acquire(fastgru_pool* pool, int64_t count, int64_t* ids,
                                                fastgru_error* error) FASTGRU_NOEXCEPT;
FASTGRU_API fastgru_status fastgru_pool_release(fastgru_pool* pool, int64_t count, const int64_t* ids,
                                                fastgru_error* error) FASTGRU_NOEXCEPT;
/* Begins new sequences in slots. */
FASTGRU_API fastgru_status fastgru_pool_reset(fastgru_pool* pool, int64_t count, const int64_t* ids,
                                              fastgru_error* error) FASTGRU_NOEXCEPT;
/* One time step of these sequences: x (count, input_size), y (count, output_size); see fastgru_stream_step.
 */
FASTGRU_API fastgru_status fastgru_pool_step(fastgru_pool* pool, int64_t count, const int64_t* ids,
                                             const float* x, float* y, fastgru_error* error) FASTGRU_NOEXCEPT;
FASTGRU_API fastgru_status fastgru_pool_step_f64(fastgru_pool* pool, int64_t count, const int64_t* ids,
                                                 const double* x, double* y,
                                                 fastgru_error* error) FASTGRU_NOEXCEPT;
/* As fastgru_stream_answered, of one slot; -1: it is not in use. */
FASTGRU_API int32_t fastgru_pool_answered(const fastgru_pool* pool, int64_t id) FASTGRU_NOEXCEPT;

/* The state of one slot as bytes: for a slot of this or another pool of the same model, or for a stream of
 * one row, whose saved state can be restored in a slot, too. As fastgru_stream_save. */
FASTGRU_API size_t fastgru_pool_state_size(const fastgru_pool* pool) FASTGRU_NOEXCEPT;
FASTGRU_API fastgru_status fastgru_pool_save(fastgru_pool* pool, int64_t id, void* to,
                                             size_t size) FASTGRU_NOEXCEPT;
FASTGRU_API fastgru_status fastgru_pool_restore(fastgru_pool* pool, int64_t id, const void* from,
                                                size_t size) FASTGRU_NOEXCEPT;

/* ---- generators: language models at work ---- one thread at a time each ----
 *
 * A file that Python's GRULanguageModel.save wrote. A token is a number from 0 to output_size - 1, whose text
 * is fastgru_model_class_name: 0 is padding, 1 unknown, 2 the end of a text, which also begins one. To write:
 * feed 2 and the tokens of a prompt, then draw and feed what was drawn, until it is 2. */

typedef struct fastgru_generator fastgru_generator;

typedef struct fastgru_sampling {
  size_t struct_size; /* fastgru_sampling_init sets it, and every field to its default */
  double temperature; /* 1; divides the logits. 0: always the likeliest token */
  double top_p;       /* 1; above 0: draw among the fewest likeliest tokens with this probability together */
  int64_t top_k;      /* 0: all; else draw among so many of the likeliest tokens */
  uint64_t seed;      /* 0; with the row and the number of draws before, it decides what is drawn */
} fastgru_sampling;

FASTGRU_API void fastgru_sampling_init(fastgru_sampling* sampling) FASTGRU_NOEXCEPT;

/* `rows` texts side by side, at their beginning. FASTGRU_INVALID_ARGUMENT: the model is no language model. */
FASTGRU_API fastgru_status fastgru_generator_new(const fastgru_model* model, int64_t rows,
                                                 fastgru_generator** result,
                                                 fastgru_error* error) FASTGRU_NOEXCEPT;
FASTGRU_API fastgru_status fastgru_generator_copy(const fastgru_generator* generator,
                                                  fastgru_generator** result,
                                                  fastgru_error* error) FASTGRU_NOEXCEPT;
FASTGRU_API void fastgru_generator_free(fastgru_generator* generator) FASTGRU_NOEXCEPT;
FASTGRU_API int64_t fastgru_generator_rows(const fastgru_generator* generator) FASTGRU_NOEXCEPT;
/* Begins new texts. [real-time] */
FASTGRU_API void fastgru_generator_reset(fastgru_generator* generator) FASTGRU_NOEXCEPT;
/* Reads a token of each row; a number that is none counts as unknown. [real-time] */
FASTGRU_API void fastgru_generator_feed(fastgru_generator* generator, const int64_t* tokens) FASTGRU_NOEXCEPT;
/* Draws the next token of each row, without reading it. FASTGRU_INVALID_ARGUMENT: a field of `sampling` is
 * not as described; nothing changes. [real-time] */
FASTGRU_API fastgru_status fastgru_generator_draw(fastgru_generator* generator,
                                                  const fastgru_sampling* sampling,
                                                  int64_t* tokens) FASTGRU_NOEXCEPT;
/* (rows, output_size): how likely fastgru_generator_draw draws each token. [real-time] */
FASTGRU_API fastgru_status fastgru_generator_probabilities(fastgru_generator* generator,
                                                           const fastgru_sampling* sampling,
                                                           double* probabilities) FASTGRU_NOEXCEPT;
/* As fastgru_stream_state_size, fastgru_stream_save and fastgru_stream_restore. [real-time] */
FASTGRU_API size_t fastgru_generator_state_size(const fastgru_generator* generator) FASTGRU_NOEXCEPT;
FASTGRU_API fastgru_status fastgru_generator_save(const fastgru_generator* generator, void* to,
                                                  size_t size) FASTGRU_NOEXCEPT;
FASTGRU_API fastgru_status fastgru_generator_restore(fastgru_generator* generator, const void* from,
                                                     size_t size) FASTGRU_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* FASTGRU_FASTGRU_H */
