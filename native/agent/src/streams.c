#include "agent.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool source_ask(struct source *source, uint32_t stream, uint64_t wanted) {
  if (source->asked != 0) return fail(CODE_RESOURCE_EXHAUSTED, "this stream is being read by another request");
  if (wanted == 0) return fail(CODE_INVALID_ARGUMENT, "a read of no bytes");
  source->asked = stream;
  source->wanted = wanted > STREAM_MAX ? STREAM_MAX : (size_t)wanted;
  return true;
}

/* As Kata's agent does: an answer without data is the end. */
static void tell(struct source *source, const void *data, size_t length) {
  wire_put_bytes(answer_begin(), 1, data, length);
  answer_end(source->asked);
  source->asked = 0;
  source->told = source->told || length == 0;
}

void source_step(struct source *source, int64_t cut_at) {
  static unsigned char data[STREAM_MAX];
  if (source->asked == 0 || !channel_has_room()) return;
  ssize_t got = source->fd < 0 ? 0 : read(source->fd, data, source->wanted);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    if (cut_at == 0 || now_ms() < cut_at) return;
    got = 0;
  }
  if (got > 0) {
    tell(source, data, (size_t)got);
    return;
  }
  /* A terminal ends with EIO. */
  if (source->fd >= 0) close(source->fd);
  source->fd = -1;
  tell(source, NULL, 0);
}

void source_poll(const struct source *source, int64_t cut_at, struct poll_set *set) {
  if (source->asked == 0 || !channel_has_room()) return;
  if (source->fd < 0) poll_wake_at(set, 0);
  poll_add(set, source->fd, POLLIN);
  if (cut_at != 0) poll_wake_at(set, cut_at);
}

bool sink_ask(struct sink *sink, uint32_t stream, struct view data) {
  if (sink->asked != 0) return fail(CODE_RESOURCE_EXHAUSTED, "another request is being written to this process");
  if (sink->fd < 0 || sink->closing) return fail(CODE_FAILED_PRECONDITION, "the input of this process is closed");
  if (data.length > STREAM_MAX) return fail(CODE_INVALID_ARGUMENT, "%zu bytes of input; the limit is %u", data.length, STREAM_MAX);
  if (data.length > 0) memcpy(sink->data, data.at, data.length);
  sink->asked = stream;
  sink->at = 0;
  sink->length = data.length;
  return true;
}

static void close_now(struct sink *sink) {
  if (sink->fd >= 0) close(sink->fd);
  sink->fd = -1;
  sink->closing = false;
}

void sink_close(struct sink *sink) {
  sink->closing = true;
  if (sink->asked == 0) close_now(sink);
}

static void tell_end(struct sink *sink) {
  failure_clear();
  fail(CODE_FAILED_PRECONDITION, "the process does not read its input any more");
  answer_failure(sink->asked);
  sink->asked = 0;
  close_now(sink);
}

void sink_step(struct sink *sink, bool reader_ended) {
  if (sink->asked == 0 || !channel_has_room()) return;
  while (sink->at < sink->length) {
    ssize_t written = write(sink->fd, sink->data + sink->at, sink->length - sink->at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN && !reader_ended) return;
    if (written <= 0) {
      tell_end(sink);
      return;
    }
    sink->at += (size_t)written;
  }
  wire_put_number(answer_begin(), 1, sink->length);
  answer_end(sink->asked);
  sink->asked = 0;
  if (sink->closing) close_now(sink);
}

void sink_poll(const struct sink *sink, struct poll_set *set) {
  if (sink->asked != 0 && channel_has_room()) poll_add(set, sink->fd, POLLOUT);
}
