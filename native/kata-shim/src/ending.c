#include "process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Whose default is another: the guest may claim what it likes. */
static bool ends_a_process(int number) {
  static const int others[] = {SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    if (number == others[i]) return false;
  }
  return number >= 1 && number <= 64;
}

_Noreturn void end_as(const struct ending *ending) {
  if (ends_a_process(ending->signal)) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    signals_reset();
    kill(getpid(), ending->signal);
  }
  _exit(ending->signal > 0 && ending->signal < 128 ? 128 + ending->signal : ending->code);
}
