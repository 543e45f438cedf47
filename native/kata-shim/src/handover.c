#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int report_fd = -1;

pid_t handover(struct text *reason) {
  char word[REASON_SIZE] = "";
  int ends[2];
  pid_t parent = getpid(), pid = -1;
  if (pipe2(ends, O_CLOEXEC) == 0) pid = fork();
  if (pid < 0) {
    text_add(reason, "fork: %s", strerror(errno));
    return -1;
  }
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    setsid();
    close(ends[0]);
    report_fd = ends[1];
    return 0;
  }
  close(ends[1]);
  size_t length = 0;
  for (ssize_t got; length < sizeof word - 1;) {
    got = read(ends[0], word + length, sizeof word - 1 - length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    length += (size_t)got;
  }
  close(ends[0]);
  /* One empty word says that all is well. */
  if (length == 1 && word[0] == '\0') return pid;
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  text_add(reason, "%s", length > 0 ? word : "the container's process was killed");
  return -1;
}

void handover_done(void) {
  prctl(PR_SET_PDEATHSIG, 0);
  write_all(report_fd, "", 1);
  close_one(&report_fd);
}

_Noreturn void handover_failed(const char *reason) {
  write_all(report_fd, reason, strlen(reason));
  _exit(1);
}
