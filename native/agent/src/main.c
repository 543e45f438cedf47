/* slipway-agent: the first process of a virtual machine that is one container. */
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "agent.h"
#include "boot.h"

static bool run(void) {
  /* Large pages would make our buffers resident that are never used. The runtime is started without this. */
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  if (!boot_root() || !boot_mounts() || !boot_console() || !boot_limits()) return false;
  reboot(RB_DISABLE_CAD);
  cgroups_open();
  if (!modules_load(MODULES_FIRST) || !loopback_up()) return false;
  int port = boot_port();
  return port >= 0 && serve(port);
}

int main(void) {
  if (getpid() != 1) {
    fprintf(stderr, "slipway-agent " SLIPWAY_VERSION ": the first process of a virtual machine, and nothing else\n");
    return 1;
  }
  bool ended = run();
  /* One line: whoever looks at the console's last ones finds it there. */
  if (!ended) dprintf(STDERR_FILENO, "slipway-agent: %s\n", failure_last()->text);
  containers_end();
  power_off();
}
