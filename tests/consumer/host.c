/* host PLUGIN MODEL CYCLES THREADS [LIMIT VALUE]: loads the plugin, runs it, unloads it, CYCLES times.
 * A limit holds from after a first run on one thread. LIMIT "memory": VALUE MiB of addresses beyond those in use.
 * LIMIT "threads": VALUE processes and threads of this user. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef int (*run_function)(const char *, int64_t, int64_t, int);

enum { kRows = 64, kSteps = 50, kNoPrivilege = 77, kNobody = 65534 };

static long used_pages(void) {
  long pages = -1;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return -1;
  if (fscanf(file, "%ld", &pages) != 1) pages = -1;
  fclose(file);
  return pages;
}

static int set_limit(const char *kind, long value) {
  struct rlimit limit;
  if (strcmp(kind, "memory") == 0) {
    long pages = used_pages();
    if (pages < 0) return kNoPrivilege;
    limit.rlim_cur = limit.rlim_max = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)value << 20);
    return setrlimit(RLIMIT_AS, &limit) == 0 ? 0 : kNoPrivilege;
  }
  limit.rlim_cur = limit.rlim_max = (rlim_t)value;
  if (setrlimit(RLIMIT_NPROC, &limit) != 0) return kNoPrivilege;
  if (geteuid() != 0) return 0;
  /* The administrator has no such limit. */
  return setgroups(0, NULL) == 0 && setgid(kNobody) == 0 && setuid(kNobody) == 0 ? 0 : kNoPrivilege;
  return 0;
}

int main(int argc, char **argv) {
  int cycle;
  if (argc != 5 && argc != 7) return 2;
  for (cycle = 0; cycle < atoi(argv[3]); ++cycle) {
    run_function run;
    int status;
    void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL) {
      fprintf(stderr, "host: %s\n", dlerror());
      return 3;
    }
    *(void **)(&run) = dlsym(plugin, "plugin_run");
    if (run == NULL) return 4;
    if (argc == 7 && cycle == 0) {
      if ((status = run(argv[2], kRows, kSteps, 1)) != 0) return status;
      if ((status = set_limit(argv[5], atol(argv[6]))) != 0) return status;
    }
    if ((status = run(argv[2], kRows, kSteps, atoi(argv[4]))) != 0) return status;
    if (dlclose(plugin) != 0) return 5;
  }
  printf("ran %d times\n", cycle);
  return 0;
}
