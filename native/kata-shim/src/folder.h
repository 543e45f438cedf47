/* What is kept of a container: the folder <root>/<id>, its processes and cgroups. */
#ifndef SLIPWAY_SHIM_FOLDER_H
#define SLIPWAY_SHIM_FOLDER_H

#include "base.h"

/* ---- folder.c ---- */

struct folder {
  const char *root, *id;
  int fd; /* -1: there is none */
};

/* Letters, digits, "_", ".", "-" and "+", none of the last at the front. */
bool folder_id_valid(const char *id);
/* Makes it; errno EEXIST when there is one. */
bool folder_make(struct folder *folder);
bool folder_open(struct folder *folder);
bool folder_has(const struct folder *folder, const char *name);
/* With all that is in it, which are files. */
bool folder_remove(struct folder *folder);

/* ---- processes.c ---- */

/* Adds a process to the list of those that a deletion ends. */
bool process_note(const struct folder *folder, const char *name, pid_t pid);
/* Whether it ever was there. */
bool process_noted(const struct folder *folder, const char *name);
/* The number of one that is noted and lives; 0. */
pid_t process_find(const struct folder *folder, const char *name);
/* Kills those that are noted, of one name or all, and waits for their end. False: one does not end. */
bool processes_kill_named(const struct folder *folder, const char *name, int64_t limit_ms);
bool processes_kill(const struct folder *folder, int64_t limit_ms);
/* Waits until none that is noted by the name lives. */
bool process_wait(const struct folder *folder, const char *name, int64_t limit_ms);

/* ---- cgroups.c ---- */

/* Makes the directory, and notes it when it was not there. */
bool cgroup_make(const struct folder *folder, const char *directory);
/* Moves this process into it. */
bool cgroup_join(const char *directory);
/* Moves this process into all of the container's. */
bool cgroups_join(const struct folder *folder);
/* Removes those that are noted, with what runs in them. False: some are left. */
bool cgroups_remove(const struct folder *folder, int64_t limit_ms);

#endif
