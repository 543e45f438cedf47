/*
 * shim-fuzz WHAT ROUNDS SEED: what the guest, QEMU or a plan may say, mutated, to the parts of slipway-kata-shim that listen. Built with its sources (without main.c) and the sanitizers; exits
 * with 1, or is ended by a sanitizer, for what must not be.
 */
#include "process.h"
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the sanitizers exit with. */
#define SANITIZER_CODE 99

const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "exitcode=99:detect_leaks=0"; }
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void) { return "exitcode=99:halt_on_error=1:print_stacktrace=1"; }

static uint64_t state;

static uint32_t random_below(uint32_t limit) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return limit == 0 ? 0 : (uint32_t)(state >> 33) % limit;
}

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "broken: %s\n", what);
  exit(1);
}

static void mutate(unsigned char *bytes, size_t length) {
  for (uint32_t i = 0, count = random_below(4); i < count && length > 0; i++) {
    unsigned char *at = bytes + random_below((uint32_t)length);
    static const unsigned char edges[] = {0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff};
    *at = random_below(2) == 0 ? edges[random_below(sizeof edges)] : (unsigned char)random_below(256);
  }
}

static size_t make_payload(unsigned char *bytes, size_t size) {
  unsigned char inner[4096], text[2000];
  struct wire_out message = {.bytes = bytes, .size = size}, part = {.bytes = inner, .size = sizeof inner};
  switch (random_below(5)) {
    case 0:
      wire_put_number(&part, 1, random_below(SANITIZER_CODE));
      wire_put_number(&part, 100, random_below(80));
      wire_put_number(&part, 101, random_below(2));
      wire_put_bytes(&message, 2, inner, part.length);
      break;
    case 1:
      for (size_t i = 0; i < sizeof inner; i++) inner[i] = (unsigned char)random_below(256);
      wire_put_bytes(&message, 2, inner, random_below(sizeof inner));
      break;
    case 2:
      wire_put_number(&part, 1, random_below(20));
      wire_put_text(&part, 2, "rpc error \x1b[31m\n of the agent");
      wire_put_bytes(&message, 1, inner, part.length);
      break;
    case 3:
      memset(text, 'x', sizeof text);
      wire_put_bytes(&part, 1, text, random_below(sizeof text));
      wire_put_bytes(&message, 2, inner, part.length);
      break;
    default:
      break;
  }
  return message.length;
}

/* ---- the mux ---- */

static size_t make_frame(unsigned char *frame, uint32_t stream) {
  size_t length = make_payload(frame + HEADER_SIZE, 8192);
  header_put(frame, &(struct header){.length = (uint32_t)length, .stream = stream, .type = FRAME_RESPONSE});
  return HEADER_SIZE + length;
}

static size_t make_bind(unsigned char *frame) {
  static const char *const names[] = {"", "box", "0123456789abcdef0123456789abcdef"};
  const char *name = names[random_below(3)];
  size_t length = strlen(name);
  header_put(frame, &(struct header){.length = (uint32_t)length, .type = FRAME_BIND});
  memcpy(frame + HEADER_SIZE, name, length);
  return HEADER_SIZE + length;
}

static void check_owners(const struct mux *mux) {
  unsigned calls[GONE + GONE_MAX] = {0};
  for (size_t i = 0; i < CALLS; i++) {
    if (mux->calls[i].in_use) calls[mux->calls[i].client]++;
  }
  for (size_t i = 0; i < CLIENTS; i++) check(calls[i] == (mux->clients[i].fd < 0 ? 0 : mux->clients[i].calls), "a client that has gone waits for nothing");
  for (size_t i = 0; i < GONE_MAX; i++) check(calls[GONE + i] == mux->gone[i].calls, "what may still make a process is counted");
}

/* A guest that lets everything wait is ended, once it has had its time. */
static void fill_mux(void) {
  static struct mux mux;
  int guest[2];
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, guest) == 0, "socketpair");
  mux_open(&mux, "box", guest[0]);
  for (size_t i = 0; i < CALLS; i++) mux.calls[i] = (struct call){.in_use = true, .client = NOBODY, .guest_stream = (uint32_t)(2 * i + 1)};
  mux.calls_in_use = CALLS;
  mux_step(&mux);
  check(mux.violation[0] == '\0' && mux.full_since > 0, "a full table is borne for a while");
  mux.full_since -= 60000;
  mux_step(&mux);
  check(strcmp(mux.violation, "it leaves too many requests unanswered (1024)") == 0, "and then no more");
  struct folder none = {.fd = -1};
  mux_close(&mux, &none);
  close(guest[1]);
}

static void fuzz_mux(void) {
  static struct mux mux;
  static unsigned char frame[65536], drain[65536];
  int guest[2], ends[3][2];
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, guest) == 0, "socketpair");
  mux_open(&mux, "box", guest[0]);
  mux.next_stream = random_below(4) == 0 ? 0xfffffffbu : 1;
  for (int i = 0; i < 3; i++) {
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends[i]) == 0, "socketpair");
    mux.clients[i] = (struct mux_client){.fd = ends[i][0]};
  }
  for (uint32_t step = 0, steps = 1 + random_below(40); step < steps; step++) {
    int client = (int)random_below(3);
    if (random_below(3) == 0 && ends[client][1] >= 0) {
      size_t length = request_put(frame, sizeof frame, 1 + 2 * random_below(50), AGENT, "ReadStdout", drain, random_below(3000));
      if (random_below(8) == 0) length = make_bind(frame);
      if (random_below(20) == 0) mutate(frame, length);
      (void)!send(ends[client][1], frame, random_below(20) == 0 ? random_below((uint32_t)length) : length, MSG_NOSIGNAL);
    }
    if (random_below(40) == 0) close_one(&ends[client][1]);
    if (random_below(6) == 0) mux_ask(&mux, AGENT, "RemoveContainer", drain, random_below(100));
    mux_step(&mux);
    struct answer answer;
    mux_answered(&mux, &answer);
    while (recv(guest[1], drain, sizeof drain, 0) > 0) continue;
    uint32_t stream = 0;
    for (uint32_t i = random_below(CALLS), tries = 0; tries < CALLS; tries++) {
      const struct call *call = &mux.calls[(i + tries) % CALLS];
      if (call->in_use) stream = call->guest_stream;
    }
    size_t length = make_frame(frame, stream);
    if (stream == 0 && random_below(10) > 0) continue;
    if (random_below(12) == 0) mutate(frame, length);
    /* In pieces, as a channel brings them. */
    for (size_t at = 0; at < length;) {
      size_t part = 1 + random_below((uint32_t)(length - at));
      if (send(guest[1], frame + at, part, MSG_NOSIGNAL) < 0) break;
      mux_step(&mux);
      at += part;
    }
    check(mux.held <= 32u << 20, "what is held is bounded");
    check(mux.calls_in_use <= CALLS, "calls are bounded");
    unsigned in_use = 0;
    for (size_t i = 0; i < CALLS; i++) in_use += mux.calls[i].in_use;
    check(in_use == mux.calls_in_use, "calls are counted");
    check_owners(&mux);
  }
  struct folder none = {.fd = -1};
  mux_close(&mux, &none);
  check(mux.held == 0, "nothing is held at the end");
  close(guest[1]);
  for (int i = 0; i < 3; i++) close_one(&ends[i][1]);
}

/* ---- QEMU's monitor ---- */

static void fuzz_qmp(void) {
  static const char *const lines[] = {
      "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n",
      "{\"return\": {}}\r\n",
      "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"STOP\"}\r\n",
      "{\"return\": {\"status\": \"completed\", \"ram\": {\"total\": 1, \"x\": [1, 2, {\"y\": null}]}}}\r\n",
      "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no \\\"such\\\" thing\\u0000\"}}\r\n",
      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[{\r\n",
      "{\"a\": \"\\\r\n",
  };
  static struct qmp qmp;
  int ends[2];
  char text[64];
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "socketpair");
  qmp_open(&qmp, ends[0]);
  for (uint32_t i = 0, count = 1 + random_below(30); i < count; i++) {
    char line[512];
    const char *from = lines[i == 0 ? 0 : random_below(sizeof lines / sizeof lines[0])];
    size_t length = strlen(from);
    memcpy(line, from, length);
    if (random_below(3) == 0) mutate((unsigned char *)line, length);
    (void)!send(ends[1], line, length, MSG_NOSIGNAL);
    if (qmp_step(&qmp) == QMP_RETURN) {
      const char *value = qmp_value(&qmp);
      if (value != NULL) json_string(json_member(value, "status"), text, sizeof text);
    }
    if (qmp.ready && !qmp.asked) qmp_ask(&qmp, "{\"execute\":\"query-migrate\"}", -1);
  }
  close_one(&qmp.fd);
  close(ends[1]);
}

/* ---- the container's process ---- */

static void run_pump(int folder_fd) {
  static struct connection connection;
  struct folder folder = {.root = "/", .id = "box", .fd = folder_fd};
  struct text text = {.bytes = (char[REASON_SIZE]){0}, .size = REASON_SIZE};
  static struct target target;
  target = (struct target){.folder = &folder, .process = "box"};
  int null = open("/dev/null", O_RDWR);
  for (int stream = 0; stream < STREAMS; stream++) dup2(null, stream);
  if (!connection_open(&connection, &folder, &text)) _exit(0);
  pump_run(&connection, &target, signals_open());
}

static void fuzz_pump(int folder_fd, int listener) {
  static unsigned char frame[1 << 18], drain[65536];
  pid_t pid = fork();
  if (pid == 0) run_pump(folder_fd);
  int fd = accept(listener, NULL, NULL);
  check(fd >= 0, "accept");
  static const uint32_t streams[] = {1, 3, 5, 7, 9, 11, 13, 15};
  for (uint32_t i = 0, count = random_below(30); i < count; i++) {
    size_t length = make_frame(frame, streams[random_below(8)]);
    if (random_below(10) == 0) {
      length = HEADER_SIZE + random_below(sizeof frame - HEADER_SIZE);
      header_put(frame, &(struct header){.length = (uint32_t)(length - HEADER_SIZE), .stream = 3, .type = FRAME_RESPONSE});
    }
    if (random_below(4) == 0) mutate(frame, length);
    if (send(fd, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) break;
    (void)!recv(fd, drain, sizeof drain, MSG_DONTWAIT);
  }
  close(fd);
  int status = 0;
  check(waitpid(pid, &status, 0) == pid, "waitpid");
  check(!WIFEXITED(status) || WEXITSTATUS(status) != SANITIZER_CODE, "what a sanitizer ended");
}

/* ---- the plan ---- */

static void fuzz_plan(void) {
  static unsigned char bytes[8192];
  static struct step step;
  size_t length = 0, offset = 0;
  static const char *const steps[][4] = {{"user", "1", "1", ""}, {"file", "9", "/dev/null", "ro"}, {"boot-limit", "5", NULL}, {"qemu", "/bin/true", "@agent@", NULL}, {"call", "grpc.AgentService", "CreateContainer", NULL}, {"hello", NULL}};
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    size_t begin = length;
    length += 4;
    for (size_t j = 0; j < 4 && steps[i][j] != NULL; j++) {
      size_t size = strlen(steps[i][j]) + 1;
      memcpy(bytes + length, steps[i][j], size);
      length += size;
    }
    uint32_t size = (uint32_t)(length - begin - 4);
    memcpy(bytes + begin, &size, sizeof size);
  }
  mutate(bytes, length);
  if (random_below(3) == 0) length = random_below((uint32_t)length + 1);
  int fd = open("fuzz.plan", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  check(fd >= 0 && write_all(fd, bytes, length), "write");
  close(fd);
  char reason[REASON_SIZE];
  struct text text = {.bytes = reason, .size = sizeof reason};
  struct plan plan = {0};
  if (plan_open(&plan, "fuzz.plan", &text)) {
    while (plan_next(&plan, &offset, &step)) check(step.count <= STEP_STRINGS, "a step is bounded");
  }
  plan_close(&plan);
}

int main(int argc, char *argv[]) {
  check(argc == 4, "expected WHAT ROUNDS SEED");
  long rounds = atol(argv[2]);
  state = (uint64_t)atoll(argv[3]) * 2654435761u + 88172645463325252u;
  int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), listener = -1;
  if (strcmp(argv[1], "pump") == 0) listener = listen_in(folder, "agent.sock");
  if (strcmp(argv[1], "mux") == 0) fill_mux();
  for (long round = 0; round < rounds; round++) {
    if (strcmp(argv[1], "mux") == 0) fuzz_mux();
    else if (strcmp(argv[1], "qmp") == 0) fuzz_qmp();
    else if (strcmp(argv[1], "plan") == 0) fuzz_plan();
    else fuzz_pump(folder, listener);
  }
  return 0;
}
