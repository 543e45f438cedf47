/* A process is told from a later one with its number by field 22 of /proc/PID/stat: its start, in clock ticks since boot. */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIST "processes"
#define LIST_MAX 8192

/* False: there is none, or it has ended and only waits to be reaped. */
static bool start_of(pid_t pid, char ticks[24]) {
  char path[32], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  if (read_text(AT_FDCWD, path, text, sizeof text) <= 0) return false;
  /* The name, in brackets, may have any bytes. */
  char *at = strrchr(text, ')');
  if (at == NULL || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X') return false;
  for (int field = 2; field < 22 && at != NULL; field++) at = strchr(at + 1, ' ');
  return at != NULL && sscanf(at, " %23[0-9]", ticks) == 1;
}

bool process_note(const struct folder *folder, const char *name, pid_t pid) {
  char ticks[24], line[128];
  if (!start_of(pid, ticks)) return false;
  int length = snprintf(line, sizeof line, "%s %d %s\n", name, (int)pid, ticks);
  int fd = openat(folder->fd, LIST, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  bool written = write_all(fd, line, (size_t)length);
  return close(fd) == 0 && written;
}

/* Calls `visit` with each that lives. Answers how many there are. */
static size_t each_living(const struct folder *folder, const char *only, void (*visit)(pid_t pid, const char *ticks, void *data), void *data) {
  char text[LIST_MAX], name[32], noted[24], now[24];
  size_t count = 0;
  int pid, taken;
  if (read_text(folder->fd, LIST, text, sizeof text) <= 0) return 0;
  for (const char *at = text; sscanf(at, "%31s %d %23s\n%n", name, &pid, noted, &taken) == 3; at += taken) {
    if (pid < 2 || !start_of(pid, now) || strcmp(now, noted) != 0) continue;
    if (only != NULL && strcmp(name, only) != 0) continue;
    visit(pid, noted, data);
    count++;
  }
  return count;
}

static void nothing(pid_t pid, const char *ticks, void *data) {
  (void)pid;
  (void)ticks;
  (void)data;
}

static void remember(pid_t pid, const char *ticks, void *data) {
  (void)ticks;
  *(pid_t *)data = pid;
}

/* A descriptor of it stays its own, whoever has its number by then. Linux 5.2 has none. */
static void kill_one(pid_t pid, const char *ticks, void *data) {
  char now[24];
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  (void)data;
  if (fd < 0 && errno == ENOSYS) kill(pid, SIGKILL);
  if (fd >= 0 && start_of(pid, now) && strcmp(now, ticks) == 0) syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
  close_one(&fd);
}

pid_t process_find(const struct folder *folder, const char *name) {
  pid_t pid = 0;
  each_living(folder, name, remember, &pid);
  return pid;
}

bool process_noted(const struct folder *folder, const char *name) {
  char text[LIST_MAX], noted[32];
  int taken;
  if (read_text(folder->fd, LIST, text, sizeof text) <= 0) return false;
  for (const char *at = text; sscanf(at, "%31s %*d %*s\n%n", noted, &taken) == 1; at += taken) {
    if (strcmp(noted, name) == 0) return true;
  }
  return false;
}

bool process_wait(const struct folder *folder, const char *name, int64_t limit_ms) {
  for (int64_t deadline = now_ms() + limit_ms; each_living(folder, name, nothing, NULL) > 0; sleep_ms(2)) {
    if (now_ms() >= deadline) return false;
  }
  return true;
}

static bool kill_all(const struct folder *folder, const char *only, int64_t limit_ms) {
  for (int64_t deadline = now_ms() + limit_ms; each_living(folder, only, kill_one, NULL) > 0; sleep_ms(2)) {
    if (now_ms() >= deadline) return false;
  }
  return true;
}

bool processes_kill_named(const struct folder *folder, const char *name, int64_t limit_ms) { return kill_all(folder, name, limit_ms); }

bool processes_kill(const struct folder *folder, int64_t limit_ms) { return kill_all(folder, NULL, limit_ms); }
