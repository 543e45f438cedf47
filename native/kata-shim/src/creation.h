/* The plan while it is carried out. */
#ifndef SLIPWAY_SHIM_CREATION_H
#define SLIPWAY_SHIM_CREATION_H

#include "vm.h"

#define CGROUPS_MAX 16
#define LOOK_AGAIN_MS 5

struct creation {
  struct vm *vm;
  struct text *reason;
  const char *waits_for;
  int64_t limit_ms, deadline;
  struct jail jail; /* QEMU's */
  struct given given[GIVEN_MAX];
  size_t given_count;
  const char *cgroups[CGROUPS_MAX];
  size_t cgroup_count;
  int helpers[HELPERS_MAX];
};

/* Says why in *reason. Answers false. */
bool creation_failed(struct creation *creation, const char *what, const char *name, int error);
/* Keeps the machine going for a while. False: what is waited for cannot come any more. */
bool creation_wait(struct creation *creation, int64_t wake_at);
bool creation_join_cgroups(struct creation *creation);

/* ---- conversation.c: each answers false with the reason ---- */

/* `fd` goes with it, or -1. */
bool say_qmp(struct creation *creation, const char *line, int fd);
bool say_getfd(struct creation *creation, char *const strings[]);
bool say_migration(struct creation *creation);
bool say_call(struct creation *creation, const char *service, const char *method, const void *payload, size_t length);
bool say_hello(struct creation *creation);
bool say_clock(struct creation *creation);
bool say_random(struct creation *creation);

/* ---- helpers.c ---- */

/* Starts it, and connects to its socket. */
bool helper_start(struct creation *creation, char *const strings[]);

#endif
