/* What runtime-kata has written for us to do: frames of a verb and its arguments. */
#ifndef SLIPWAY_SHIM_PLAN_H
#define SLIPWAY_SHIM_PLAN_H

#include "base.h"

#define PLAN_MAX (16u << 20)
#define STEP_STRINGS 1024

struct plan {
  const char *bytes;
  size_t size;
};

enum verb {
  VERB_EITHER,
  VERB_CGROUP,
  VERB_WRITE,
  VERB_USER,
  VERB_SHOW,
  VERB_FILE_SIZE,
  VERB_FILE,
  VERB_TAP,
  VERB_HELPER,
  VERB_QEMU,
  VERB_BOOT_LIMIT,
  VERB_QMP,
  VERB_GETFD,
  VERB_WAIT_MIGRATION,
  VERB_HELLO,
  VERB_CLOCK,
  VERB_RANDOM,
  VERB_CALL,
  VERB_RENAME,
  VERBS
};

struct step {
  enum verb verb;
  char *strings[STEP_STRINGS + 1]; /* the arguments, NULL-terminated so that they can be an argv */
  size_t count;
  const void *payload; /* of a call */
  size_t payload_length;
};

/* Maps the file and checks every frame of it. False: why not is in *reason. */
bool plan_open(struct plan *plan, const char *path, struct text *reason);
void plan_close(struct plan *plan);
/* The counts of an `either`: so many steps that are tried, so many that are done instead. */
void plan_either(const struct step *step, size_t *tried, size_t *instead);
/* Takes the step at *offset and moves on. False at the end. */
bool plan_next(const struct plan *plan, size_t *offset, struct step *step);

#endif
