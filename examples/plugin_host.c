/* plugin MODEL [JUMP] < samples > samples: raw float32 in blocks of 64, as a host passes them to a plugin.
 * After JUMP blocks the song jumps, so the effect is reset. */
#include "plugin.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 64 };

int main(int argc, char **argv) {
  char message[512] = "out of memory";
  float block[BLOCK];
  size_t frames;
  long jump = argc == 3 ? atol(argv[2]) : -1;
  plugin *effect;
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: plugin MODEL.safetensors [JUMP] < samples > samples\n");
    return 2;
  }
  effect = plugin_create(argv[1], message, sizeof message);
  if (effect == NULL) {
    fprintf(stderr, "plugin: %s\n", message);
    return 1;
  }
  while ((frames = fread(block, sizeof block[0], BLOCK, stdin)) > 0) {
    if (jump-- == 0) plugin_reset(effect);
    plugin_process(effect, block, block, frames);
    if (fwrite(block, sizeof block[0], frames, stdout) != frames) break;
  }
  plugin_destroy(effect);
  return 0;
}
