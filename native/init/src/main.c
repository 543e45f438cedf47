/* Process 1 of a container: starts the container's program, passes signals on to it, reaps whatever is left to it, and ends as the program did. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* As shells have them. */
enum { EXIT_FAILED = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127, EXIT_BY_SIGNAL = 128 };

static int failed(const char *what, int code) {
  fprintf(stderr, "slipway-init: %s: %s\n", what, strerror(errno));
  return code;
}

/*
 * The kernel's own sets and calls: C libraries keep the first real-time signals for their threads (musl 32 to 34, glibc 32 and 33) and take them out
 * of any set, but users count from 34.
 */
typedef uint64_t signal_set;

static int set_blocked(const signal_set *set, signal_set *before) {
  return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, set, before, sizeof *set);
}

static int wait_for(const signal_set *set) {
  return (int)syscall(SYS_rt_sigtimedwait, set, NULL, NULL, sizeof *set);
}

/* Everything but faults of our own, which must end us and not be waited for. */
static signal_set signals_to_pass(void) {
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
  signal_set set = ~(signal_set)0;
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) set &= ~((signal_set)1 << (faults[i] - 1));
  return set;
}

/*
 * A process group of its own, in the foreground of the terminal if there is one: what is typed there (^C) reaches the program from the kernel, and
 * would reach it twice if we were in that group too. SIGTTOU is blocked here, so that the terminal may be taken from the background.
 */
static int run_program(char **argv, const signal_set *original) {
  setpgid(0, 0);
  tcsetpgrp(STDIN_FILENO, getpid());
  set_blocked(original, NULL);
  execvp(argv[0], argv);
  return failed(argv[0], errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* All that have ended, for several of one signal arrive as one. Says whether the program is among them. */
static int reap(pid_t program, int *status) {
  int found = 0;
  for (;;) {
    int ended;
    pid_t pid = waitpid(-1, &ended, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return found;
    if (pid == program) {
      *status = ended;
      found = 1;
    }
  }
}

static int exit_code(int status) {
  return WIFSIGNALED(status) ? EXIT_BY_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv) {
  if (argc < 3 || strcmp(argv[1], "--") != 0) {
    fprintf(stderr, "usage: slipway-init -- PROGRAM [ARGUMENT...]\n");
    return EXIT_FAILED;
  }
  /* Inherited as ignored, the kernel would reap for us, and the status would be lost. */
  signal(SIGCHLD, SIG_DFL);
  const signal_set passed = signals_to_pass();
  signal_set original;
  /* A blocked signal waits even for process 1, which the kernel spares those that it does not handle. */
  if (set_blocked(&passed, &original) < 0) return failed("rt_sigprocmask", EXIT_FAILED);
  /* Where it shares its process namespace it is not process 1, and gets orphans only as their reaper. */
  if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) return failed("prctl", EXIT_FAILED);

  pid_t program = fork();
  if (program < 0) return failed("fork", EXIT_FAILED);
  if (program == 0) return run_program(argv + 2, &original);

  for (;;) {
    int received = wait_for(&passed);
    if (received < 0) {
      if (errno == EINTR) continue;
      return failed("rt_sigtimedwait", EXIT_FAILED);
    }
    int status;
    if (received != SIGCHLD) {
      /* It may have ended this moment, or have become another user's: neither is for us to tell. */
      kill(program, received);
    } else if (reap(program, &status)) {
      return exit_code(status);
    }
  }
}
