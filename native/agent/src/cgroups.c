/* The unified hierarchy. Below a container's own cgroup the container may have made others. */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"
/* The kernel's own limit is far above what anybody needs; a tree that is deeper is killed whole by cgroup.kill. */
#define DEPTH_MAX 32

void cgroups_open(void) {
  char names[512], text[600] = "";
  if (read_text(-1, ROOT "/cgroup.controllers", names, sizeof names) < 0) return;
  trim(names);
  char *rest = NULL;
  for (char *name = strtok_r(names, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
    /* One by one: a controller that cannot be had must not keep the others away. */
    print(text, sizeof text, "+%s", name);
    write_text(-1, ROOT "/cgroup.subtree_control", text);
  }
}

static int64_t count_killed(const struct cgroup *cgroup) {
  char text[512];
  ssize_t got = cgroup->memory_events < 0 ? -1 : pread(cgroup->memory_events, text, sizeof text - 1, 0);
  if (got <= 0) return 0;
  text[got] = '\0';
  int64_t killed = number_after(text, "oom_kill");
  return killed < 0 ? 0 : killed;
}

bool cgroup_of(struct cgroup *cgroup, pid_t pid) {
  char file[64], line[PATH_SIZE];
  snprintf(file, sizeof file, "/proc/%d/cgroup", (int)pid);
  if (read_text(-1, file, line, sizeof line) < 0) return fail_errno("read \"%s\"", file);
  trim(line);
  /* The root has no limits of its own, and everything is in it: nothing may be done to it. */
  if (strncmp(line, "0::/", 4) != 0 || line[4] == '\0') return fail(CODE_INTERNAL, "process %d is in no cgroup of its own: \"%s\"", (int)pid, line);
  if (!print(cgroup->path, sizeof cgroup->path, ROOT "%s", line + 3)) return fail(CODE_INTERNAL, "the path of a cgroup is too long");
  print(line, sizeof line, "%.900s/memory.events", cgroup->path);
  cgroup->memory_events = open(line, O_RDONLY | O_CLOEXEC);
  cgroup->killed = count_killed(cgroup);
  cgroup->event = false;
  return true;
}

void cgroup_close(struct cgroup *cgroup) {
  if (cgroup->memory_events >= 0) close(cgroup->memory_events);
  cgroup->memory_events = -1;
  cgroup->path[0] = '\0';
  cgroup->event = false;
}

static int open_folder(const struct cgroup *cgroup) {
  return cgroup->path[0] == '\0' ? -1 : open(cgroup->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

ssize_t cgroup_read(const struct cgroup *cgroup, const char *name, char *text, size_t size) {
  text[0] = '\0';
  int folder = open_folder(cgroup);
  ssize_t got = folder < 0 ? -1 : read_text(folder, name, text, size);
  if (folder >= 0) close(folder);
  return got;
}

static bool write_file(const struct cgroup *cgroup, const char *name, const char *text) {
  int folder = open_folder(cgroup);
  bool written = folder >= 0 && write_text(folder, name, text);
  int error = errno;
  if (folder >= 0) close(folder);
  errno = error;
  return written || fail_errno("write \"%s\" to \"%s/%s\"", text, cgroup->path, name);
}

bool cgroup_freeze(const struct cgroup *cgroup, bool freeze) { return write_file(cgroup, "cgroup.freeze", freeze ? "1" : "0"); }

bool cgroup_is(const struct cgroup *cgroup, const char *event) {
  char text[256];
  return cgroup_read(cgroup, "cgroup.events", text, sizeof text) > 0 && number_after(text, event) == 1;
}

static void signal_listed(int folder, int number) {
  int fd = openat(folder, "cgroup.procs", O_RDONLY | O_CLOEXEC);
  FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
  char line[32];
  while (list != NULL && fgets(line, sizeof line, list) != NULL) {
    long pid = strtol(line, NULL, 10);
    if (pid > 1) kill((pid_t)pid, number);
  }
  if (list != NULL) fclose(list);
}

static void signal_below(int folder, int number, int depth) {
  signal_listed(folder, number);
  DIR *entries = depth == 0 ? NULL : fdopendir(folder);
  if (entries == NULL) {
    close(folder);
    return;
  }
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    int below = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below >= 0) signal_below(below, number, depth - 1);
  }
  closedir(entries);
}

bool cgroup_signal(const struct cgroup *cgroup, int number) {
  if (number == SIGKILL) {
    if (!write_file(cgroup, "cgroup.kill", "1")) return false;
    return !cgroup_is(cgroup, "frozen") || cgroup_freeze(cgroup, false);
  }
  int folder = open_folder(cgroup);
  if (folder < 0) return fail_errno("open \"%s\"", cgroup->path);
  signal_below(folder, number, DEPTH_MAX);
  return true;
}

void cgroup_look(struct cgroup *cgroup) {
  int64_t killed = count_killed(cgroup);
  if (killed <= cgroup->killed) return;
  cgroup->killed = killed;
  cgroup->event = true;
}
