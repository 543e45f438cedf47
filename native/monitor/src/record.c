#include "monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void exit_status_set(struct exit_status *status, int wait_status) {
  status->signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
  status->code = status->signal != 0 ? 128 + status->signal : WEXITSTATUS(wait_status);
  struct timespec now;
  struct tm fields;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &fields);
  size_t length = strftime(status->time, sizeof status->time, "%Y-%m-%dT%H:%M:%S", &fields);
  snprintf(status->time + length, sizeof status->time - length, ".%09ldZ", now.tv_nsec);
}

static bool write_durably(const char *name, const char *text) {
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  size_t length = strlen(text);
  bool written = write(fd, text, length) == (ssize_t)length && fsync(fd) == 0;
  return close(fd) == 0 && written;
}

bool exit_record_write(const struct exit_status *status) {
  char text[160];
  int length = snprintf(text, sizeof text, "{\"exitCode\":%d", status->code);
  if (status->signal != 0) length += snprintf(text + length, sizeof text - (size_t)length, ",\"signal\":%d", status->signal);
  snprintf(text + length, sizeof text - (size_t)length, ",\"exitedAt\":\"%s\"}\n", status->time);
  if (!write_durably("exit.new", text) || rename("exit.new", "exit") < 0) return false;
  int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return false;
  bool synced = fsync(folder) == 0;
  close(folder);
  return synced;
}
