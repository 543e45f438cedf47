#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST "cgroups" /* a line each: "+" ours to remove, "=" found; then the directory */
#define LIST_MAX 16384

static bool note(const struct folder *folder, char mark, const char *directory) {
  if (folder->fd < 0) return true;
  int fd = openat(folder->fd, LIST, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  bool written = dprintf(fd, "%c%s\n", mark, directory) > 0;
  return close(fd) == 0 && written;
}

bool cgroup_make(const struct folder *folder, const char *directory) {
  char path[4096];
  struct stat info;
  if (strchr(directory, '\n') != NULL || !copy(path, sizeof path, directory)) {
    errno = EINVAL;
    return false;
  }
  if (stat(path, &info) == 0) return note(folder, '=', directory);
  for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
    *at = '\0';
    if (mkdir(path, 0755) < 0 && errno != EEXIST) return false;
    *at = '/';
  }
  /* First: what nobody knows of is never removed. */
  return note(folder, '+', directory) && (mkdir(path, 0755) == 0 || errno == EEXIST);
}

static bool write_in(const char *directory, const char *name, const char *text) {
  char path[4200];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool written = write_all(fd, text, strlen(text));
  close(fd);
  return written;
}

bool cgroup_join(const char *directory) { return write_in(directory, "cgroup.procs", "0"); }

/* Calls `visit` with each directory until it says no. */
static bool each(const struct folder *folder, const char *marks, bool (*visit)(const char *directory)) {
  static char text[LIST_MAX];
  if (read_text(folder->fd, LIST, text, sizeof text) <= 0) return true;
  bool well = true;
  for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = '\0';
    if (*line != '\0' && strchr(marks, *line) != NULL && !visit(line + 1)) well = false;
  }
  return well;
}

bool cgroups_join(const struct folder *folder) { return each(folder, "+=", cgroup_join); }

static void kill_in(const char *directory) {
  char path[4200], line[32];
  snprintf(path, sizeof path, "%s/cgroup.procs", directory);
  FILE *lines = fopen(path, "re");
  while (lines != NULL && fgets(line, sizeof line, lines) != NULL) {
    long pid = strtol(line, NULL, 10);
    if (pid > 1 && pid != getpid()) kill((pid_t)pid, SIGKILL);
  }
  if (lines != NULL) fclose(lines);
}

/* What is frozen does not die before it is thawed. */
static bool remove_one(const char *directory) {
  if (rmdir(directory) == 0 || errno == ENOENT) return true;
  write_in(directory, "freezer.state", "THAWED");
  write_in(directory, "cgroup.freeze", "0");
  /* Where the kernel cannot do it (cgroup v1, before Linux 5.14), one after the other. */
  if (!write_in(directory, "cgroup.kill", "1")) kill_in(directory);
  return rmdir(directory) == 0 || errno == ENOENT;
}

bool cgroups_remove(const struct folder *folder, int64_t limit_ms) {
  for (int64_t deadline = now_ms() + limit_ms; !each(folder, "+", remove_one); sleep_ms(5)) {
    if (now_ms() >= deadline) return false;
  }
  return true;
}
