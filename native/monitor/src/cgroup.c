/* The cgroups of a process, by /proc/PID/cgroup and the mounts: v2, v1, and both at once (hybrid). */
#include "monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

static bool has_word(const char *words, size_t length, const char *word) {
  size_t size = strlen(word);
  for (const char *at = words; at < words + length;) {
    const char *comma = memchr(at, ',', length - (size_t)(at - words));
    size_t part = comma == NULL ? (size_t)(words + length - at) : (size_t)(comma - at);
    if (part == size && memcmp(at, word, size) == 0) return true;
    at += part + 1;
  }
  return false;
}

/* Of the lines `ID:CONTROLLERS:PATH`; the unified hierarchy has no controllers. */
static bool path_in_hierarchy(pid_t pid, const char *controller, char path[PATH_SIZE]) {
  char file[32], line[PATH_SIZE + 256];
  snprintf(file, sizeof file, "/proc/%d/cgroup", (int)pid);
  FILE *lines = fopen(file, "re");
  bool found = false;
  while (lines != NULL && !found && fgets(line, sizeof line, lines) != NULL) {
    char *names = strchr(line, ':');
    char *at = names == NULL ? NULL : strchr(names + 1, ':');
    if (at == NULL) continue;
    at[strcspn(at, "\n")] = '\0';
    size_t length = (size_t)(at - names - 1);
    bool matches = controller == NULL ? length == 0 : has_word(names + 1, length, controller);
    found = matches && copy(path, PATH_SIZE, at + 1);
  }
  if (lines != NULL) fclose(lines);
  return found;
}

/* proc_pid_mountinfo(5): ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS [...] - TYPE SOURCE SUPER-OPTIONS */
static bool mount_point_of(const char *controller, const char *path, char directory[PATH_SIZE]) {
  static char line[2 * PATH_SIZE], root[PATH_SIZE], point[PATH_SIZE];
  char type[32], options[512];
  FILE *lines = fopen("/proc/self/mountinfo", "re");
  bool found = false;
  while (lines != NULL && !found && fgets(line, sizeof line, lines) != NULL) {
    char *rest = strstr(line, " - ");
    if (rest == NULL || sscanf(rest, " - %31s %*s %511s", type, options) != 2) continue;
    if (sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2) continue;
    bool matches = controller == NULL ? strcmp(type, "cgroup2") == 0 : strcmp(type, "cgroup") == 0 && has_word(options, strlen(options), controller);
    size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);
    bool below = strncmp(path, root, skip) == 0 && (path[skip] == '/' || path[skip] == '\0' || skip == 0);
    if (!matches || !below) continue;
    found = (size_t)snprintf(directory, PATH_SIZE, "%s%s", point, path + skip) < PATH_SIZE;
  }
  if (lines != NULL) fclose(lines);
  return found;
}

int cgroup_open(pid_t pid, const char *controller, const char *name, int access) {
  static char path[PATH_SIZE], directory[PATH_SIZE];
  if (!path_in_hierarchy(pid, controller, path) || !mount_point_of(controller, path, directory)) return -1;
  int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int fd = folder < 0 ? -1 : openat(folder, name, access | O_CLOEXEC);
  if (folder >= 0) close(folder);
  return fd;
}

void cgroup_hasten(int last_fd) {
  if (fork() != 0) return;
  int fd = cgroup_open(getpid(), NULL, "cgroup.procs", O_WRONLY);
  if (fd < 0) fd = cgroup_open(getpid(), "memory", "cgroup.procs", O_WRONLY);
  /* What we have open tells others that we live. */
  for (int open_fd = 0; open_fd <= last_fd; open_fd++) close(open_fd);
  _exit(fd >= 0 && write(fd, "0", 1) < 0);
}
