#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct vm vm;

/* The container's streams are those of its process, not ours. */
static bool let_go_of_streams(void) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  bool ready = null >= 0;
  for (int stream = 0; stream < STREAMS; stream++) ready = ready && dup2(null, stream) >= 0;
  close_one(&null);
  return ready;
}

static _Noreturn void give_up(int report_fd, const char *reason) {
  vm_kill(&vm);
  write_all(report_fd, reason, strlen(reason) + 1);
  _exit(1);
}

/* For the terminal of who reads it: the lines of the guest, without what moves a cursor. */
static void make_harmless(char *text) {
  char *to = text;
  for (; *text != '\0'; text++) {
    if (*text == '\r') continue;
    *to++ = *text == '\n' || *text == '\t' || (*text >= ' ' && *text < 0x7f) ? *text : '?';
  }
  *to = '\0';
}

/* For whoever asks why it does not answer any more. */
static void leave_record(const char *reason) {
  size_t length;
  write_text(vm.folder->fd, "ended", reason);
  line_drain(&vm.console);
  char *console = ring_copy(&vm.console.ring, &length);
  if (console != NULL) make_harmless(console);
  if (console != NULL) write_text(vm.folder->fd, "console.log", console);
  free(console);
}

static _Noreturn void supervise(void) {
  char reason[REASON_SIZE] = "";
  struct text text = {.bytes = reason, .size = sizeof reason};
  /* QEMU is another user's. */
  if (!privileges_keep(PRIVILEGE(CAP_KILL))) vm.terminated = true;
  while (!vm.mux.container_gone && !vm.terminated && !vm_failed(&vm, &text)) vm_step(&vm, -1);
  if (text.length > 0) {
    vm_last_words(&vm, &text);
    leave_record(reason);
    mux_tell_end(&vm.mux, reason);
  } else {
    vm_end_guest(&vm, vm.mux.container_ended);
  }
  vm_kill(&vm);
  mux_close(&vm.mux, vm.folder);
  _exit(0);
}

_Noreturn void daemon_run(struct folder *folder, struct plan *plan, int report_fd, pid_t parent) {
  char reason[REASON_SIZE] = "";
  struct text text = {.bytes = reason, .size = sizeof reason};
  /* Killed before it has said that all is well, our caller leaves nobody who would know of us. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  setsid();
  prctl(PR_SET_NAME, "kata-shim-vm");
  if (!let_go_of_streams() || !vm_open(&vm, folder->id, folder) || !process_note(folder, "vm", getpid())) {
    text_add(&text, "the daemon of the virtual machine: %s", strerror(errno));
    give_up(report_fd, reason);
  }
  if (!creation_run(&vm, plan, &text)) give_up(report_fd, reason);
  plan_close(plan);
  if (!mux_listen(&vm.mux, folder)) {
    text_add(&text, "agent.sock: %s", strerror(errno));
    give_up(report_fd, reason);
  }
  write_all(report_fd, "", 1);
  while (!vm.mux.has_container && !vm.mux.container_gone) {
    if (vm_failed(&vm, &text)) {
      vm_last_words(&vm, &text);
      give_up(report_fd, reason);
    }
    vm_step(&vm, -1);
  }
  prctl(PR_SET_PDEATHSIG, 0);
  /* Held until now, as by a creation that goes on. */
  close_inherited();
  if (chdir("/") < 0) _exit(1);
  write_all(report_fd, "", 1);
  close(report_fd);
  supervise();
}
