/* A plugin: a library that an app loads and unloads. It runs one call on several threads. */
#include <fastgru/fastgru.h>

#include <stdio.h>
#include <stdlib.h>

#if defined(_WIN32)
__declspec(dllexport)
#elif defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int plugin_run(const char *path, int64_t rows, int64_t steps, int threads) {
  fastgru_model *model = NULL;
  fastgru_model_info info;
  fastgru_error error;
  fastgru_status status = fastgru_model_load(path, &model, &error);
  if (status == FASTGRU_OK) {
    float *x, *y;
    info.struct_size = sizeof info;
    fastgru_model_get_info(model, &info);
    x = calloc((size_t)(rows * steps * info.input_size), sizeof *x);
    y = calloc((size_t)(rows * steps * info.output_size), sizeof *y);
    status = x == NULL || y == NULL ? FASTGRU_OUT_OF_MEMORY
                                    : fastgru_model_forward(model, x, rows, steps, NULL, y, threads, &error);
    free(x);
    free(y);
    fastgru_model_free(model);
  }
  if (status != FASTGRU_OK) fprintf(stderr, "plugin: %s\n", error.message);
  return (int)status;
}
