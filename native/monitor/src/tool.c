#include "tools.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOOLS_LOCK "tools.lock" /* in the container's folder */

extern char **environ;

static char oom_score[16];

void tool_remember_oom_score(void) {
  int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t got = read(fd, oom_score, sizeof oom_score - 1);
  oom_score[got > 0 ? got : 0] = '\0';
  close(fd);
}

static void restore_oom_score(void) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, oom_score, strlen(oom_score)) < 0) _exit(126);
  close(fd);
}

void tool_become_ordinary(void) {
  sigset_t none;
  sigemptyset(&none);
  /* What we ignore stays ignored through execve, down to the container. */
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  restore_oom_score();
}

static void become(char *const argv[], const int fds[STREAMS], int report, pid_t parent) {
  tool_become_ordinary();
  /* Without us nobody bounds it, and a deletion from elsewhere must not meet a creation that is still going on. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  /*
   * Not closed by execve: whoever finds us killed sees by this lock that a tool of ours has not ended yet. The death
   * signal comes only after our own locks are free. A runtime closes it before the user's program runs.
   */
  int alive = open(TOOLS_LOCK, O_RDONLY | O_CREAT | O_NOFOLLOW, 0600);
  bool ready = alive >= 0 && flock(alive, LOCK_SH) == 0;
  for (int stream = 0; stream < STREAMS; stream++) ready = ready && dup2(fds[stream], stream) >= 0;
  if (ready) execve(argv[0], argv, environ);
  int error = errno;
  if (write(report, &error, sizeof error) < 0) _exit(125);
  _exit(127);
}

void tool_open(struct tool *tool) {
  tool->output[0] = tool->output[1] = -1;
}

int tool_start(struct tool *tool, const struct command *command, const int fds[STREAMS], const char **what) {
  int report[2];
  *what = "pipe2";
  if (pipe2(report, O_CLOEXEC) < 0) return errno;
  pid_t parent = getpid();
  *what = "fork";
  pid_t pid = fork();
  if (pid == 0) become(command->argv, fds, report[1], parent);
  int error = pid < 0 ? errno : 0;
  close(report[1]);
  if (pid > 0) {
    *what = "execve";
    while (read(report[0], &error, sizeof error) < 0 && errno == EINTR) continue;
    if (error != 0) waitpid(pid, NULL, 0);
  }
  close(report[0]);
  if (error != 0) return error;
  tool->pid = pid;
  tool->limit_ms = command->limit_ms;
  tool->deadline = now_ms() + command->limit_ms;
  tool->timed_out = false;
  tool->tail_length = 0;
  return 0;
}

int tool_start_quiet(struct tool *tool, const struct command *command, const char **what) {
  int ends[2];
  *what = "pipe2";
  if (pipe2(ends, O_CLOEXEC) < 0) return errno;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  int error = tool_start(tool, command, (int[STREAMS]){STDIN_FILENO, ends[1], ends[1]}, what);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    return error;
  }
  tool->output[0] = ends[0];
  tool->output[1] = -1;
  tool->owns_output = true;
  return 0;
}

void tool_poll(const struct tool *tool, struct poll_set *set) {
  if (tool->pid == 0) return;
  poll_add(set, tool->output[0], POLLIN);
  poll_add(set, tool->output[1], POLLIN);
  if (!tool->timed_out) poll_wake_at(set, tool->deadline);
}

static void keep_tail(struct tool *tool, const char *bytes, size_t length) {
  if (length > TAIL_MAX) {
    bytes += length - TAIL_MAX;
    length = TAIL_MAX;
  }
  size_t overflow = tool->tail_length + length > TAIL_MAX ? tool->tail_length + length - TAIL_MAX : 0;
  memmove(tool->tail, tool->tail + overflow, tool->tail_length - overflow);
  tool->tail_length -= overflow;
  for (size_t i = 0; i < length; i++) tool->tail[tool->tail_length++] = bytes[i] == '\0' ? ' ' : bytes[i];
}

static void read_output(struct tool *tool) {
  char bytes[4096];
  for (int i = 0; i < 2; i++) {
    /* Bounded: one that prints without end must still meet its time limit. */
    for (int rounds = 0; tool->output[i] >= 0 && rounds < 64; rounds++) {
      ssize_t got = read(tool->output[i], bytes, sizeof bytes);
      if (got > 0) {
        keep_tail(tool, bytes, (size_t)got);
        continue;
      }
      if (got < 0 && errno == EINTR) continue;
      if (got == 0) {
        if (tool->owns_output) close(tool->output[i]);
        tool->output[i] = -1;
      }
      break;
    }
  }
}

void tool_step(struct tool *tool) {
  if (tool->pid == 0) return;
  read_output(tool);
  if (!tool->timed_out && now_ms() >= tool->deadline) {
    tool->timed_out = true;
    tool_kill(tool);
  }
}

void tool_ended(struct tool *tool) {
  read_output(tool);
  if (tool->owns_output && tool->output[0] >= 0) close(tool->output[0]);
  tool->output[0] = tool->output[1] = -1;
  tool->owns_output = false;
  tool->tail[tool->tail_length] = '\0';
  tool->pid = 0;
}

void tool_kill(const struct tool *tool) {
  if (tool->pid == 0) return;
  /* First, while they can be told from what else is below us. */
  children_kill_of(tool->pid);
  kill(tool->pid, SIGKILL);
}
