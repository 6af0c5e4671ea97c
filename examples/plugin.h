/* The usual interface of an audio plugin: create, process blocks on the audio thread, destroy. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <stddef.h>

typedef struct plugin plugin;

/* NULL if the model cannot be used; `message` (of `size` bytes) then says why. */
plugin* plugin_create(const char* model_path, char* message, size_t size);
void plugin_destroy(plugin* self);
/* Computes one output sample per input sample; in and out may be the same array. Real-time safe. */
void plugin_process(plugin* self, const float* in, float* out, size_t frames);
/* Begins anew, for example after a jump in the song: in the state of silence, so that no pop is heard.
 * Real-time safe. */
void plugin_reset(plugin* self);

#endif
