#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNAL_MAX 64

/* libc hides the first real-time signals, which a container may be sent like all others. */
static bool mask_all(void) {
  uint64_t all = ~(uint64_t)0;
  return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all) == 0;
}

int signals_open(void) {
  uint64_t all = ~(uint64_t)0;
  if (!mask_all()) return -1;
  /* Children of a process that ignores SIGCHLD leave no status. */
  for (int number = 1; number <= SIGNAL_MAX; number++) signal(number, SIG_DFL);
  return (int)syscall(SYS_signalfd4, -1, &all, sizeof all, O_CLOEXEC | O_NONBLOCK);
}

int signals_next(int fd) {
  struct signalfd_siginfo info;
  while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
    bool own = info.ssi_signo == SIGPIPE && info.ssi_pid == (uint32_t)getpid();
    if (!own) return (int)info.ssi_signo;
  }
  return 0;
}

void signals_reset(void) {
  uint64_t none = 0;
  for (int number = 1; number <= SIGNAL_MAX; number++) signal(number, SIG_DFL);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

int signal_of(const char *text) {
  static const struct {
    const char *name;
    int number;
  } names[] = {
      {"HUP", SIGHUP},   {"INT", SIGINT},       {"QUIT", SIGQUIT}, {"ILL", SIGILL},   {"TRAP", SIGTRAP}, {"ABRT", SIGABRT},     {"BUS", SIGBUS},
      {"FPE", SIGFPE},   {"KILL", SIGKILL},     {"USR1", SIGUSR1}, {"SEGV", SIGSEGV}, {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},     {"ALRM", SIGALRM},
      {"TERM", SIGTERM}, {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD}, {"CONT", SIGCONT}, {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},     {"TTIN", SIGTTIN},
      {"TTOU", SIGTTOU}, {"URG", SIGURG},       {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}, {"PROF", SIGPROF}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
      {"IO", SIGIO},     {"PWR", SIGPWR},       {"SYS", SIGSYS},
  };
  long number;
  if (number_of(text, 1, SIGNAL_MAX, &number)) return (int)number;
  if (strncasecmp(text, "SIG", 3) == 0) text += 3;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcasecmp(text, names[i].name) == 0) return names[i].number;
  }
  return 0;
}
