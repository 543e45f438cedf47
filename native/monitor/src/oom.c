/* The cgroups of the first process, by /proc/PID/cgroup and the mounts: v2, v1, and both at once (hybrid). */
#include "monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PATH_SIZE 4096
/* The notice of v1 comes before the process is killed, and only then it is counted. */
#define LOOKS 5
#define LOOK_AGAIN_MS 50

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

/* A file of the process' cgroup in the hierarchy of a controller (NULL: the unified one); -1. */
static int open_file(pid_t pid, const char *controller, const char *name, int access) {
  static char path[PATH_SIZE], directory[PATH_SIZE];
  if (!path_in_hierarchy(pid, controller, path) || !mount_point_of(controller, path, directory)) return -1;
  int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int fd = folder < 0 ? -1 : openat(folder, name, access | O_CLOEXEC);
  if (folder >= 0) close(folder);
  return fd;
}

/* The number that follows the word at the beginning of a line. */
static long number_after(int fd, const char *word) {
  char text[1024];
  ssize_t got = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
  if (got <= 0) return -1;
  text[got] = '\0';
  size_t length = strlen(word);
  for (char *at = text; at != NULL && *at != '\0'; at = strchr(at, '\n'), at = at == NULL ? NULL : at + 1) {
    if (strncmp(at, word, length) == 0 && at[length] == ' ') return strtol(at + length, NULL, 10);
  }
  return -1;
}

/* cgroup v1, memory.txt chapter 9. Without a notice the end of the container is when it is counted. */
static int open_notice(pid_t pid, int counter) {
  int control = open_file(pid, "memory", "cgroup.event_control", O_WRONLY);
  int notice = control < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (notice >= 0 && dprintf(control, "%d %d", notice, counter) < 0) {
    close(notice);
    notice = -1;
  }
  if (control >= 0) close(control);
  return notice;
}

void oom_open(struct oom *oom, pid_t pid) {
  oom_close(oom);
  oom->counter = open_file(pid, NULL, "memory.events", O_RDONLY);
  if (oom->counter < 0) {
    oom->counter = open_file(pid, "memory", "memory.oom_control", O_RDONLY);
    if (oom->counter >= 0) oom->notice = open_notice(pid, oom->counter);
  }
  oom->freezer = open_file(pid, "freezer", "freezer.state", O_RDONLY);
  if (oom->freezer < 0) oom->freezer = open_file(pid, NULL, "cgroup.events", O_RDONLY);
  long killed = number_after(oom->counter, "oom_kill");
  oom->killed_before = oom->killed = killed < 0 ? 0 : killed;
}

static void close_one(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

void oom_close(struct oom *oom) {
  close_one(&oom->counter);
  close_one(&oom->notice);
  close_one(&oom->freezer);
  oom->looks = 0;
}

void oom_poll(const struct oom *oom, struct poll_set *set) {
  if (oom->notice >= 0) {
    poll_add(set, oom->notice, POLLIN);
  } else if (oom->counter >= 0) {
    poll_add(set, oom->counter, POLLPRI);
  }
  if (oom->looks > 0) poll_wake_at(set, oom->look_at);
}

static bool noticed(const struct oom *oom) {
  uint64_t times;
  if (oom->notice >= 0) return read(oom->notice, &times, sizeof times) == (ssize_t)sizeof times;
  struct pollfd entry = {.fd = oom->counter, .events = POLLPRI};
  return oom->counter >= 0 && poll(&entry, 1, 0) > 0;
}

bool oom_grew(struct oom *oom) {
  long killed = number_after(oom->counter, "oom_kill");
  if (killed <= oom->killed) return false;
  oom->killed = killed;
  return true;
}

bool oom_told(struct oom *oom) {
  if (noticed(oom)) {
    oom->looks = LOOKS;
    oom->look_at = now_ms();
  }
  if (oom->looks == 0 || now_ms() < oom->look_at) return false;
  oom->looks--;
  oom->look_at = now_ms() + LOOK_AGAIN_MS;
  return oom_grew(oom);
}

bool oom_ever(const struct oom *oom) { return oom->killed > oom->killed_before; }

bool oom_frozen(const struct oom *oom) {
  char text[32];
  if (number_after(oom->freezer, "frozen") == 1) return true;
  ssize_t got = oom->freezer < 0 ? -1 : pread(oom->freezer, text, sizeof text - 1, 0);
  if (got <= 0) return false;
  text[got] = '\0';
  return strncmp(text, "FROZEN", 6) == 0 || strncmp(text, "FREEZING", 8) == 0;
}
