#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONSOLE_BYTES 65536
#define WORDS_BYTES 4096
#define WORDS_TAIL 240
#define CONSOLE_TAIL 280
/* Between the end of its channels and its own. */
#define ENDING_MS 2000
/* More than the agent gives what holds its mounts, before it writes all out by sync(2). */
#define GUEST_END_MS 8000
#define LAST_OUTPUT_MS 1000

/* What it says beside the console. */
static bool listen_to_words(struct vm *vm) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  vm->words.fd = ends[0];
  vm->words_write = ends[1];
  return never_wait(vm->words.fd);
}

bool vm_open(struct vm *vm, const char *id, struct folder *folder) {
  static char console[CONSOLE_BYTES], words[WORDS_BYTES];
  *vm = (struct vm){.id = id, .folder = folder, .words_write = -1};
  vm->console = (struct tap_line){.fd = -1, .ring = {.bytes = console, .size = sizeof console}};
  vm->words = (struct tap_line){.fd = -1, .ring = {.bytes = words, .size = sizeof words}};
  qmp_open(&vm->qmp, -1);
  mux_open(&vm->mux, id, -1);
  vm->signals = signals_open();
  return vm->signals >= 0 && listen_to_words(vm);
}

static void reap(struct vm *vm) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == vm->qemu) {
      vm->qemu = 0;
      vm->qemu_ended = true;
      vm->qemu_status = status;
    }
    for (size_t i = 0; i < vm->helper_count; i++) {
      if (pid != vm->helpers[i]) continue;
      vm->helpers[i] = 0;
      vm->helper_ended = true;
      vm->helper_status = status;
    }
  }
}

void vm_step(struct vm *vm, int64_t deadline) {
  struct poll_set set = {.deadline = deadline};
  poll_add(&set, vm->signals, POLLIN);
  mux_poll(&vm->mux, &set);
  qmp_poll(&vm->qmp, &set);
  line_poll(&vm->console, &set);
  line_poll(&vm->words, &set);
  poll_wait(&set);
  for (int number; (number = signals_next(vm->signals)) != 0;) {
    if (number == SIGTERM || number == SIGINT || number == SIGHUP) vm->terminated = true;
  }
  reap(vm);
  line_step(&vm->console);
  line_step(&vm->words);
  vm->said = qmp_step(&vm->qmp);
  mux_step(&vm->mux);
}

const char *vm_start(struct vm *vm, char *const argv[], const struct jail *jail, struct given *given, size_t given_count, const int *helpers, int *error) {
  struct channel channels[3 + HELPERS_MAX] = {{.name = "@agent@"}, {.name = "@qmp@"}, {.name = "@console@"}};
  int ours[3] = {-1, -1, -1}, theirs[3] = {-1, -1, -1};
  size_t count = 3 + vm->helper_count;
  const char *what = NULL;
  *error = 0;
  for (size_t i = 0; i < count && what == NULL; i++) {
    int ends[2];
    if (i >= 3) {
      snprintf(channels[i].name, sizeof channels[i].name, "@helper%zu@", i - 3);
      ends[1] = helpers[i - 3];
    } else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
      what = "socketpair";
      *error = errno;
      break;
    } else {
      ours[i] = ends[0];
      theirs[i] = ends[1];
    }
    channels[i].number = free_number(given, given_count);
    if (given_count == GIVEN_MAX || channels[i].number < 0) {
      what = "too many descriptors";
    } else {
      given[given_count++] = (struct given){.number = channels[i].number, .fd = ends[1]};
    }
  }
  char **numbered = what == NULL ? with_numbers(argv, channels, count) : NULL;
  if (numbered != NULL) {
    struct program program = {.argv = numbered, .given = given, .given_count = given_count, .output = vm->words_write, .jail = jail};
    *error = program_start(&program, &vm->qemu, &what);
    if (*error == 0) what = NULL;
    else vm->qemu = 0;
    free(numbered[0]);
    free(numbered);
  } else if (what == NULL) {
    what = "no memory";
  }
  for (size_t i = 0; i < 3; i++) close_one(&theirs[i]);
  if (what != NULL) {
    for (size_t i = 0; i < 3; i++) close_one(&ours[i]);
    return what;
  }
  close_one(&vm->words_write);
  vm->mux.guest = ours[0];
  qmp_open(&vm->qmp, ours[1]);
  vm->console.fd = ours[2];
  never_wait(ours[2]);
  return NULL;
}

bool vm_failed(struct vm *vm, struct text *reason) {
  bool hopeless = vm->mux.closed && !vm->qemu_ended;
  for (int64_t deadline = now_ms() + ENDING_MS; hopeless && !vm->qemu_ended && now_ms() < deadline;) vm_step(vm, deadline);
  if (vm->mux.violation[0] != '\0') {
    text_add(reason, "the agent broke the protocol: %s", vm->mux.violation);
  } else if (vm->qemu_ended) {
    text_add(reason, "QEMU ");
    ended_text(reason, vm->qemu_status);
  } else if (vm->helper_ended) {
    text_add(reason, "a helper of QEMU ");
    ended_text(reason, vm->helper_status);
  } else if (vm->mux.closed) {
    text_add(reason, "QEMU closed the agent's channel");
  }
  return reason->length > 0;
}

void vm_last_words(struct vm *vm, struct text *reason) {
  line_drain(&vm->words);
  line_drain(&vm->console);
  char bytes[512];
  struct text text = {.bytes = bytes, .size = sizeof bytes};
  ring_tail(&vm->words.ring, &text, WORDS_TAIL);
  if (text.length > 0) text_add(reason, ": %s", bytes);
  text = (struct text){.bytes = bytes, .size = sizeof bytes};
  ring_tail(&vm->console.ring, &text, CONSOLE_TAIL);
  text_add(reason, "; console: %s", text.length > 0 ? bytes : "nothing");
}

/* False: no more is to be hoped for. */
static bool tell_agent(struct vm *vm, const char *method, bool has_container, int signal_number, int64_t deadline) {
  unsigned char bytes[2 * ID_SIZE];
  struct wire_out message = {.bytes = bytes, .size = sizeof bytes};
  struct answer answer;
  if (has_container) wire_put_text(&message, 1, vm->id);
  if (signal_number != 0) wire_put_number(&message, 3, (uint64_t)signal_number);
  if (!mux_ask(&vm->mux, AGENT, method, bytes, message.length)) return false;
  while (!mux_answered(&vm->mux, &answer)) {
    if (now_ms() >= deadline || vm->qemu_ended || vm->mux.guest < 0) return false;
    vm_step(vm, deadline);
  }
  return true;
}

/* Those of exec end with the first process, and their last output is in the guest. */
static void wait_for_processes(struct vm *vm) {
  for (int64_t deadline = now_ms() + LAST_OUTPUT_MS; mux_has_processes(&vm->mux) && vm->mux.guest >= 0 && now_ms() < deadline;) vm_step(vm, deadline);
}

void vm_end_guest(struct vm *vm, bool container_ended) {
  int64_t deadline = now_ms() + GUEST_END_MS;
  if (!container_ended && !tell_agent(vm, "SignalProcess", true, SIGKILL, deadline)) return;
  wait_for_processes(vm);
  if (tell_agent(vm, "RemoveContainer", true, 0, deadline)) tell_agent(vm, "DestroySandbox", false, 0, deadline);
}

static void kill_and_reap(pid_t *pid) {
  if (*pid <= 0) return;
  kill(*pid, SIGKILL);
  while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) continue;
  *pid = 0;
}

void vm_kill(struct vm *vm) {
  kill_and_reap(&vm->qemu);
  for (size_t i = 0; i < vm->helper_count; i++) kill_and_reap(&vm->helpers[i]);
}

bool vm_begin_again(struct vm *vm) {
  vm_kill(vm);
  vm->helper_count = 0;
  vm->qemu_ended = vm->helper_ended = false;
  mux_close(&vm->mux, vm->folder);
  mux_open(&vm->mux, vm->id, -1);
  close_one(&vm->qmp.fd);
  qmp_open(&vm->qmp, -1);
  vm->said = QMP_NOTHING;
  close_one(&vm->console.fd);
  close_one(&vm->words.fd);
  close_one(&vm->words_write);
  vm->console.ring.length = vm->console.ring.next = 0;
  vm->words.ring.length = vm->words.ring.next = 0;
  return listen_to_words(vm);
}
