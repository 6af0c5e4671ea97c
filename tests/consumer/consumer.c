/* consumer MODEL ROWS STEPS <raw float64 samples>: as consumer.cpp, in C99. */
#include <fastgru/fastgru.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_bits(const char *name, const double *values, size_t count) {
  size_t i;
  printf("%s", name);
  for (i = 0; i < count; ++i) {
    uint64_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    printf(" %016" PRIx64, bits);
  }
  printf("\n");
}

static int run(const fastgru_model *model, int64_t rows, int64_t steps, fastgru_error *error) {
  fastgru_model_info info;
  fastgru_stream *stream = NULL;
  size_t count = (size_t)(rows * steps), answers, t;
  double *x, *y;
  info.struct_size = sizeof info;
  if (fastgru_model_get_info(model, &info) != FASTGRU_OK) return 4;
  answers = (info.every_step ? count : (size_t)rows) * (size_t)info.output_size;
  x = malloc(count * (size_t)info.input_size * sizeof *x);
  y = malloc(answers * sizeof *y);
  if (x == NULL || y == NULL) return 5;
  if (fread(x, sizeof *x, count * (size_t)info.input_size, stdin) != count * (size_t)info.input_size) return 3;
  if (fastgru_model_forward_f64(model, x, rows, steps, NULL, y, 1, error) != FASTGRU_OK) return 1;
  printf("kind %s\n", info.kind);
  print_bits("forward", y, answers);
  if (info.can_stream) {
    if (fastgru_stream_new(model, 1, &stream, error) != FASTGRU_OK) return 1;
    for (t = 0; t < (size_t)steps; ++t) {
      fastgru_stream_step_f64(stream, x + t * (size_t)info.input_size, y);
      print_bits("step", y, (size_t)info.output_size);
    }
    fastgru_stream_free(stream);
  }
  free(x);
  free(y);
  return 0;
}

int main(int argc, char **argv) {
  fastgru_model *model = NULL;
  fastgru_error error;
  int result;
  if (argc != 4) return 2;
  if (fastgru_model_load(argv[1], &model, &error) != FASTGRU_OK) {
    fprintf(stderr, "consumer: %s\n", error.message);
    return 1;
  }
  result = run(model, atoll(argv[2]), atoll(argv[3]), &error);
  fastgru_model_free(model);
  return result;
}
