/*
 * The parts of the agent that read what others have written, as a program of the host for tests:
 *   agent-parts json spec|process|resources   a message from the standard input, as the JSON that the runtime gets
 *   agent-parts frames                        a connection's bytes from the standard input: a line for each request, then the end
 *   agent-parts fuzz SEED ROUNDS              broken messages and frames; made to be built with the sanitizers
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../src/channel.h"
#include "../src/files.h"
#include "../src/netlink.h"
#include "../src/spec.h"

static unsigned char input[FRAME_MAX + 64];

static size_t read_input(void) {
  size_t length = 0;
  ssize_t got;
  while (length < sizeof input && (got = read(STDIN_FILENO, input + length, sizeof input - length)) > 0) length += (size_t)got;
  return length;
}

static const struct spec_message *message_named(const char *name) {
  if (strcmp(name, "spec") == 0) return &spec_root;
  return strcmp(name, "process") == 0 ? &spec_process : &spec_resources;
}

static int print_json(const char *name) {
  struct view message = {input, read_input()};
  if (spec_write(STDOUT_FILENO, message_named(name), message)) return 0;
  fprintf(stderr, "%d %s\n", (int)failure_last()->code, failure_last()->text);
  return 1;
}

/* Through a real socket: a child writes, and reads what is answered. */
static int open_connection(const unsigned char *bytes, size_t length, int *ours) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -1;
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[1]);
    for (size_t at = 0; at < length;) {
      ssize_t sent = send(ends[0], bytes + at, length - at, MSG_NOSIGNAL);
      if (sent <= 0) break;
      at += (size_t)sent;
    }
    _exit(0);
  }
  close(ends[0]);
  *ours = ends[1];
  return pid < 0 ? -1 : 0;
}

static int print_frames(void) {
  struct request request;
  int fd;
  size_t length = read_input();
  if (open_connection(input, length, &fd) < 0) return 2;
  channel_open(fd);
  failure_clear();
  for (;;) {
    bool alive = channel_step();
    struct failure end = *failure_last();
    failure_clear();
    while (channel_has_room() && channel_next(&request)) {
      printf("%u %.*s/%.*s %zu\n", request.stream, (int)request.service.length, (const char *)request.service.at, (int)request.method.length,
             (const char *)request.method.at, request.payload.length);
    }
    const char *why = failure_last()->code != 0 ? failure_last()->text : alive ? NULL : end.text;
    if (why == NULL) continue;
    printf("%s\n", why);
    return 0;
  }
}

static uint64_t state;

static uint64_t draw(uint64_t below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return below == 0 ? 0 : state % below;
}

/* Fields of any number and type, with messages in them: most are nearly right, which gets further than noise does. */
static void make_message(struct wire_out *out, int depth) {
  static const char *const texts[] = {"", "rw", "ro,x", "lowerdir=/a:/b", "a", "\xff\xfe", "\xed\xa0\x80", "\"\\\n", "/run/kata-containers/x/../y"};
  for (uint64_t fields = draw(12); fields > 0; fields--) {
    uint32_t number = (uint32_t)(draw(8) == 0 ? 100 : draw(14));
    uint64_t kind = draw(4);
    if (kind == 0) wire_put_number(out, number, draw(3) == 0 ? draw(300) : draw(0) + state);
    if (kind == 1) wire_put_text(out, number, texts[draw(sizeof texts / sizeof *texts)]);
    if (kind >= 2 && depth > 0) {
      size_t mark = wire_open(out, number);
      make_message(out, depth - 1);
      wire_close(out, mark);
    }
  }
}

static void fuzz_message(struct view message, int nowhere) {
  static const struct spec_message *const messages[] = {&spec_root, &spec_process, &spec_resources};
  static struct mount_options options;
  char text[64];
  struct address address;
  for (size_t i = 0; i < 3; i++) {
    failure_clear();
    spec_write(nowhere, messages[i], message);
  }
  failure_clear();
  if (wire_valid(message)) mount_options_read(message, NULL, &options);
  failure_clear();
  if (wire_text(message, "a text", text, sizeof text)) {
    path_is_ours(text);
    failure_clear();
    address_parse(text, &address);
  }
}

static void fuzz_frames(const unsigned char *bytes, size_t length) {
  int ends[2];
  struct request request;
  static unsigned char frame[70000];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) exit(2);
  size_t size = draw(4) == 0 ? (size_t)draw(sizeof frame - 10) : length;
  if (size > length) memset(frame + 10 + length, (int)draw(256), size - length);
  memcpy(frame + 10, bytes, length < size ? length : size);
  uint64_t claimed = draw(6) == 0 ? draw(UINT32_MAX) : size;
  for (int i = 0; i < 4; i++) frame[i] = (unsigned char)(claimed >> (24 - 8 * i));
  memset(frame + 4, (int)draw(3), 4);
  frame[8] = draw(8) == 0 ? (unsigned char)draw(256) : 1;
  frame[9] = 0;
  if (write(ends[0], frame, size + 10) < 0) exit(2);
  channel_open(ends[1]);
  failure_clear();
  if (channel_step()) {
    while (channel_next(&request)) {
      wire_number(request.payload, 1);
      answer_empty(request.stream);
    }
    channel_flush();
  }
  close(ends[0]);
  close(ends[1]);
}

static int fuzz(uint64_t seed, long rounds) {
  static unsigned char bytes[65536];
  int nowhere = open("/dev/null", O_WRONLY);
  state = seed * 2654435761u + 1;
  for (long round = 0; round < rounds; round++) {
    struct wire_out out = {.bytes = bytes, .size = sizeof bytes};
    make_message(&out, 5);
    for (uint64_t flips = draw(4); out.length > 0 && flips > 0; flips--) bytes[draw(out.length)] = (unsigned char)draw(256);
    size_t length = draw(4) == 0 ? (size_t)draw(out.length + 1) : out.length;
    /* A copy of exactly that size: the sanitizer sees every byte that is read beyond it. */
    unsigned char *copied = malloc(length + (length == 0));
    memcpy(copied, bytes, length);
    fuzz_message((struct view){copied, length}, nowhere);
    fuzz_frames(copied, length);
    free(copied);
  }
  printf("%ld rounds\n", rounds);
  return 0;
}

int main(int argc, char *argv[]) {
  if (argc == 3 && strcmp(argv[1], "json") == 0) return print_json(argv[2]);
  if (argc == 2 && strcmp(argv[1], "frames") == 0) return print_frames();
  if (argc == 4 && strcmp(argv[1], "fuzz") == 0) return fuzz(strtoull(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
  return 2;
}
