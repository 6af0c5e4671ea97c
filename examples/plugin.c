#include "plugin.h"

#include <fastgru/fastgru.h>

#include <stdio.h>
#include <stdlib.h>

/* Everything that plugin_process() needs exists before the first block. */
struct plugin {
  fastgru_model *model;
  fastgru_stream *stream;
  void *settled; /* the saved state after a second of silence, in which each sequence begins */
};

enum { SETTLING = 48000 };

/* From the zero state an effect would begin with a pop, as it swings to what it answers to silence. */
static int settle(plugin *self) {
  const size_t size = fastgru_stream_state_size(self->stream);
  const float silence = 0.0f;
  float ignored;
  int i;
  for (i = 0; i < SETTLING; ++i) fastgru_stream_step(self->stream, &silence, &ignored);
  self->settled = malloc(size);
  return self->settled != NULL && fastgru_stream_save(self->stream, self->settled, size) == FASTGRU_OK;
}

plugin *plugin_create(const char *model_path, char *message, size_t size) {
  fastgru_error error = {{0}};
  fastgru_model_info info;
  plugin *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  info.struct_size = sizeof info;
  if (fastgru_model_load(model_path, &self->model, &error) != FASTGRU_OK ||
      fastgru_stream_new(self->model, 1, &self->stream, &error) != FASTGRU_OK) {
    snprintf(message, size, "%s", error.message);
  } else if (fastgru_model_get_info(self->model, &info) != FASTGRU_OK || info.input_size != 1 ||
             info.output_size != 1) {
    snprintf(message, size, "the model must take one value and give one");
  } else if (!settle(self)) {
    snprintf(message, size, "out of memory");
  } else {
    return self;
  }
  plugin_destroy(self);
  return NULL;
}

void plugin_destroy(plugin *self) {
  if (self == NULL) return;
  free(self->settled);
  fastgru_stream_free(self->stream);
  fastgru_model_free(self->model);
  free(self);
}

void plugin_process(plugin *self, const float *in, float *out, size_t frames) {
  size_t i;
  for (i = 0; i < frames; ++i) fastgru_stream_step(self->stream, &in[i], &out[i]);
}

void plugin_reset(plugin *self) {
  fastgru_stream_restore(self->stream, self->settled, fastgru_stream_state_size(self->stream));
}
