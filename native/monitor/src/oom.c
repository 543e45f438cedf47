/* Memory kills and freezing, as the cgroups of the first process tell them. */
#include "monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* The notice of v1 comes before the process is killed, and only then it is counted. */
#define LOOKS 5
#define LOOK_AGAIN_MS 50
/* In the container's folder. */
#define NOTE "oom"
#define PAUSED "paused"

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
  int control = cgroup_open(pid, "memory", "cgroup.event_control", O_WRONLY);
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
  oom->counter = cgroup_open(pid, NULL, "memory.events", O_RDONLY);
  if (oom->counter < 0) {
    oom->counter = cgroup_open(pid, "memory", "memory.oom_control", O_RDONLY);
    if (oom->counter >= 0) oom->notice = open_notice(pid, oom->counter);
  }
  oom->freezer = cgroup_open(pid, "freezer", "freezer.state", O_RDONLY);
  if (oom->freezer < 0) oom->freezer = cgroup_open(pid, NULL, "cgroup.events", O_RDONLY);
  long killed = number_after(oom->counter, "oom_kill");
  oom->killed_before = oom->killed = killed < 0 ? 0 : killed;
}

/*
 * On v1 one that has ended is said to be in the root, and whoever was opened before it is believed. On v2 it keeps its cgroup, which may be another
 * than that of the container's first process, when that has moved into one below.
 */
static bool is_elsewhere(const struct oom *oom, pid_t pid) {
  struct stat opened, own;
  int fd = cgroup_open(pid, NULL, "memory.events", O_RDONLY);
  bool differs = fd >= 0 && fstat(fd, &own) == 0 && fstat(oom->counter, &opened) == 0 &&
                 (own.st_dev != opened.st_dev || own.st_ino != opened.st_ino);
  if (fd >= 0) close(fd);
  return differs;
}

void oom_follow(struct oom *oom, pid_t pid) {
  if (oom->counter < 0 || is_elsewhere(oom, pid)) oom_open(oom, pid);
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

bool oom_noted(void) { return unlink(NOTE) == 0; }

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

void oom_forget_pause(void) { unlink(PAUSED); }

bool oom_frozen(const struct oom *oom) {
  char text[32];
  if (access(PAUSED, F_OK) == 0) return true;
  if (number_after(oom->freezer, "frozen") == 1) return true;
  ssize_t got = oom->freezer < 0 ? -1 : pread(oom->freezer, text, sizeof text - 1, 0);
  if (got <= 0) return false;
  text[got] = '\0';
  return strncmp(text, "FROZEN", 6) == 0 || strncmp(text, "FREEZING", 8) == 0;
}
