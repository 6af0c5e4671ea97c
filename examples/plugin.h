/* A plugin as hosts know them: create, process blocks on the audio thread, destroy. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <stddef.h>

typedef struct plugin plugin;

/* NULL if the model cannot be used; `message` (of `size` bytes) then says why. */
plugin* plugin_create(const char* model_path, char* message, size_t size);
void plugin_destroy(plugin* self);
/* A sample in, a sample out, in place if the host likes. Real-time safe. */
void plugin_process(plugin* self, const float* in, float* out, size_t frames);
/* After a jump in the song. Real-time safe. */
void plugin_reset(plugin* self);

#endif
