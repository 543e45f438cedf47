#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define TERMINAL_RETRY_MS 50

static enum descriptor_kind kind_of(int fd) {
  struct stat info;
  if (fd < 0 || fstat(fd, &info) < 0) return KIND_PLAIN;
  if (S_ISSOCK(info.st_mode)) return KIND_SOCKET;
  bool may_wait = (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode)) && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
  return may_wait ? KIND_WAITS : KIND_PLAIN;
}

static bool ready(int fd, short events) {
  struct pollfd entry = {.fd = fd, .events = events};
  return poll(&entry, 1, 0) > 0;
}

void relay_open(struct relay *relay, int from, int to) {
  relay->from = from;
  relay->to = to;
  relay->from_kind = kind_of(from);
  relay->to_kind = kind_of(to);
  relay->from_terminal = relay->to_terminal = relay->ends_with_target = relay->held_open = relay->line_open = false;
  relay->retry_at = 0;
  relay->read_since_exit = 0;
  relay->owed = 0;
  relay->start = relay->end = relay->length = 0;
}

static void close_one(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static bool buffer_empty(const struct relay *relay) { return relay->start == relay->end && relay->owed == 0; }

void relay_close(struct relay *relay) {
  close_one(&relay->from);
  close_one(&relay->to);
  relay->held_open = false;
  relay->start = relay->end = 0;
  relay->owed = 0;
}

bool relay_done(const struct relay *relay) { return relay->from < 0 && buffer_empty(relay); }

bool relay_blocked(const struct relay *relay) { return !buffer_empty(relay); }

/* Input that is kept for the next run. */
static bool waits_for_target(const struct relay *relay) { return relay->sinks == NULL && relay->to < 0; }

void relay_poll(const struct relay *relay, struct poll_set *set) {
  if (relay->start != relay->end) poll_add(set, relay->to, POLLOUT);
  if (!buffer_empty(relay) || waits_for_target(relay)) return;
  if (relay->retry_at > 0) {
    poll_wake_at(set, relay->retry_at);
  } else {
    poll_add(set, relay->from, POLLIN);
    /* No events asked for: only to learn that the last reader has gone. */
    if ((relay->from >= 0 || relay->held_open) && !relay->to_terminal) poll_add(set, relay->to, 0);
  }
}

/* A terminal has no half-close. In canonical mode its end-of-file character says the same; in the middle of a line it takes two. */
static void type_end_of_file(struct relay *relay) {
  struct termios settings;
  if (tcgetattr(relay->to, &settings) < 0 || (settings.c_lflag & ICANON) == 0) return;
  unsigned char bytes[2] = {settings.c_cc[VEOF], settings.c_cc[VEOF]};
  if (write(relay->to, bytes, relay->line_open ? 2 : 1) < 0) return;
}

static void finish_if_ended(struct relay *relay) {
  if (relay->from >= 0 || relay->held_open || !buffer_empty(relay) || relay->to < 0) return;
  if (relay->to_terminal) type_end_of_file(relay);
  close_one(&relay->to);
}

void relay_drop_target(struct relay *relay) {
  close_one(&relay->to);
  relay->start = relay->end = 0;
}

static void target_gone(struct relay *relay) {
  relay_drop_target(relay);
  /* Input that no end of a run ends waits for the next one. */
  relay->held_open = relay->held_open && relay->sinks == NULL && !relay->ends_with_target;
  bool alone = relay->sinks == NULL || !sinks_any(relay->sinks, relay->stream);
  if (relay->ends_with_target && alone) close_one(&relay->from);
}

static ssize_t put(const struct relay *relay, const unsigned char *at, size_t length) {
  if (relay->to_kind == KIND_SOCKET) return send(relay->to, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (relay->to_kind == KIND_PLAIN) return write(relay->to, at, length);
  if (!ready(relay->to, POLLOUT)) {
    errno = EAGAIN;
    return -1;
  }
  /* A pipe that is ready takes at least this much without waiting. */
  return write(relay->to, at, length < PIPE_BUF ? length : PIPE_BUF);
}

static ssize_t take(struct relay *relay) {
  if (relay->from_kind == KIND_SOCKET) return recv(relay->from, relay->buffer, sizeof relay->buffer, MSG_DONTWAIT);
  if (relay->from_kind == KIND_WAITS && !ready(relay->from, POLLIN)) {
    errno = EAGAIN;
    return -1;
  }
  return read(relay->from, relay->buffer, sizeof relay->buffer);
}

static bool flush(struct relay *relay) {
  if (relay->owed != 0) relay->owed = sinks_pass(relay->sinks, relay->stream, relay->buffer, relay->length, relay->owed);
  while (relay->start != relay->end) {
    const unsigned char *at = relay->buffer + relay->start;
    size_t length = relay->end - relay->start;
    ssize_t sent = put(relay, at, length);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return false;
    if (sent < 0) {
      /* Nobody reads it any more (EPIPE, EIO), or it can take no more (ENOSPC): the container must not hang for that. */
      target_gone(relay);
      continue;
    }
    if (sent > 0) relay->line_open = at[sent - 1] != '\n';
    relay->start += (size_t)sent;
  }
  return relay->owed == 0;
}

/* True when there may be more at once. */
static bool fill(struct relay *relay, bool exited) {
  if (relay->from < 0 || waits_for_target(relay)) return false;
  ssize_t got;
  do {
    got = take(relay);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return false;
  if (got < 0 && errno == EIO && relay->from_terminal && !exited) {
    /* A program may open /dev/console again as long as the container lives. */
    relay->retry_at = now_ms() + TERMINAL_RETRY_MS;
    return false;
  }
  if (got <= 0) close_one(&relay->from);
  if (exited && got > 0) relay->read_since_exit += (size_t)got;
  relay->start = 0;
  relay->length = got > 0 ? (size_t)got : 0;
  relay->end = relay->to >= 0 ? relay->length : 0;
  if (relay->sinks != NULL && relay->length > 0) relay->owed = sinks_offer(relay->sinks, relay->stream, relay->buffer, relay->length);
  return got > 0;
}

void relay_step(struct relay *relay, bool exited) {
  if (relay->retry_at > 0 && (exited || now_ms() >= relay->retry_at)) relay->retry_at = 0;
  if (relay->retry_at > 0) return;
  /* Bounded, so that one busy stream does not keep the others and the clients waiting. */
  for (int rounds = 0; rounds < 16; rounds++) {
    if (!flush(relay)) return;
    if (!fill(relay, exited)) break;
  }
  finish_if_ended(relay);
  if (relay->to >= 0 && buffer_empty(relay) && !relay->to_terminal && ready(relay->to, 0)) target_gone(relay);
}

void relay_end_source(struct relay *relay) {
  close_one(&relay->from);
  relay->held_open = false;
  finish_if_ended(relay);
}

bool relay_takes_input(const struct relay *relay) { return relay->to < 0 ? !relay->held_open : buffer_empty(relay); }

size_t relay_feed(struct relay *relay, const unsigned char *bytes, size_t length) {
  if (!relay_takes_input(relay)) return 0;
  if (relay->to < 0) return length;
  size_t taken = length < sizeof relay->buffer ? length : sizeof relay->buffer;
  memcpy(relay->buffer, bytes, taken);
  relay->start = 0;
  relay->end = relay->length = taken;
  return taken;
}
