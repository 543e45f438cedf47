#ifndef SLIPWAY_SHIM_MAIN_H
#define SLIPWAY_SHIM_MAIN_H

#include "folder.h"

/* The command line; NULL, or false, where an option was not given. */
struct options {
  const char *root, *log, *verb;
  const char *bundle, *pid_file, *console_socket, *process, *resources, *plan;
  bool log_json, all, force, detach;
  char *const *rest; /* of the arguments */
  int rest_count;
};

/* ---- verbs: each answers the exit status ---- */

int verb_create(const struct options *options, struct folder *folder);
int verb_probe(const struct options *options, struct folder *folder);
int verb_exec(const struct options *options, struct folder *folder);
int verb_start(const struct options *options, struct folder *folder);
int verb_kill(const struct options *options, struct folder *folder);
int verb_pause(const struct options *options, struct folder *folder);
int verb_resume(const struct options *options, struct folder *folder);
int verb_update(const struct options *options, struct folder *folder);
int verb_state(const struct options *options, struct folder *folder);
int verb_delete(const struct options *options, struct folder *folder);

/* Writes the number; false with errno. */
bool write_pid(const char *path, pid_t pid);

#endif
