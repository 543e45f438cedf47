/* What is said to QEMU's monitor and to the agent, with the wait for the answer. */
#include "creation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

bool say_qmp(struct creation *creation, const char *line, int fd) {
  struct vm *vm = creation->vm;
  creation->waits_for = "QEMU's monitor";
  while (!vm->qmp.ready && vm->said != QMP_BROKEN && vm->said != QMP_ERROR) {
    if (!creation_wait(creation, -1)) return false;
  }
  if (vm->qmp.ready && !qmp_ask(&vm->qmp, line, fd)) return creation_failed(creation, "too long for QEMU's monitor:", "qmp", 0);
  while (vm->said == QMP_NOTHING) {
    if (!creation_wait(creation, -1)) return false;
  }
  enum qmp_said said = vm->said;
  vm->said = QMP_NOTHING;
  if (said == QMP_RETURN) return true;
  /* Its end says more than that it says nothing. */
  for (int64_t deadline = now_ms() + 1000; said == QMP_BROKEN && !vm->qemu_ended && now_ms() < deadline;) vm_step(vm, deadline);
  if (vm->qemu_ended) return creation_wait(creation, -1);
  char command[64] = "?";
  json_string(json_member(line, "execute"), command, sizeof command);
  text_add(creation->reason, "QEMU's monitor: %s: %s", command, vm->qmp.error);
  vm_last_words(vm, creation->reason);
  return false;
}

bool say_getfd(struct creation *creation, char *const strings[]) {
  char line[256];
  struct text text = {.bytes = line, .size = sizeof line};
  text_add(&text, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":");
  text_add_json(&text, strings[1]);
  text_add(&text, "}}");
  int fd = -1;
  for (size_t i = 0; i < creation->given_count; i++) {
    if (creation->given[i].number == atoi(strings[0])) fd = creation->given[i].fd;
  }
  return fd < 0 || text.full ? creation_failed(creation, "no such file of the plan:", strings[0], 0) : say_qmp(creation, line, fd);
}

bool say_migration(struct creation *creation) {
  char status[32] = "", why[256] = "";
  for (;;) {
    if (!say_qmp(creation, "{\"execute\":\"query-migrate\"}", -1)) return false;
    const char *value = qmp_value(&creation->vm->qmp);
    if (value == NULL || !json_string(json_member(value, "status"), status, sizeof status)) status[0] = '\0';
    if (strcmp(status, "completed") == 0) return true;
    if (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0) {
      json_string(json_member(value, "error-desc"), why, sizeof why);
      text_add(creation->reason, "the migration %s: ", status);
      text_add_plain(creation->reason, why, strlen(why));
      vm_last_words(creation->vm, creation->reason);
      return false;
    }
    creation->waits_for = "the migration";
    if (!creation_wait(creation, now_ms() + LOOK_AGAIN_MS)) return false;
  }
}

bool say_call(struct creation *creation, const char *service, const char *method, const void *payload, size_t length) {
  struct vm *vm = creation->vm;
  struct answer answer;
  creation->waits_for = method;
  if (!mux_ask(&vm->mux, service, method, payload, length)) return creation_failed(creation, "too long for the agent:", method, 0);
  while (!mux_answered(&vm->mux, &answer)) {
    if (!creation_wait(creation, -1)) return false;
  }
  if (!answer.failed) return true;
  /* What the runtime in the guest says of a container is passed on as it is: others understand it. */
  if (strcmp(method, "CreateContainer") != 0) text_add(creation->reason, "the agent: %s: ", method);
  text_add(creation->reason, "%s", answer.error);
  return false;
}

bool say_hello(struct creation *creation) {
  creation->waits_for = "the agent";
  while (!creation->vm->mux.open) {
    if (!creation_wait(creation, -1)) return false;
  }
  return say_call(creation, HEALTH, "Check", "", 0);
}

bool say_clock(struct creation *creation) {
  unsigned char bytes[32];
  struct wire_out message = {.bytes = bytes, .size = sizeof bytes};
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  wire_put_number(&message, 1, (uint64_t)now.tv_sec);
  wire_put_number(&message, 2, (uint64_t)now.tv_nsec / 1000);
  return say_call(creation, AGENT, "SetGuestDateTime", bytes, message.length);
}

bool say_random(struct creation *creation) {
  unsigned char fresh[256], bytes[sizeof fresh + 16];
  struct wire_out message = {.bytes = bytes, .size = sizeof bytes};
  if (getrandom(fresh, sizeof fresh, 0) != (ssize_t)sizeof fresh) return creation_failed(creation, "reading", "getrandom", errno);
  wire_put_bytes(&message, 2, fresh, sizeof fresh);
  return say_call(creation, AGENT, "ReseedRandomDev", bytes, message.length);
}
