#include "channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define IN_SIZE (HEADER_SIZE + FRAME_MAX)
/* Room for a few answers, so that the host need not take one before the next is made. */
#define OUT_SIZE (4 * (ANSWER_MAX + 64u))

static int port = -1;
static struct {
  size_t in_begin, in_length, taken; /* `taken` bytes of the front belong to the request that was handed out */
  size_t out_length;
  unsigned char in[IN_SIZE], out[OUT_SIZE];
} channel;

static unsigned char answer_bytes[ANSWER_MAX];
static struct wire_out answer;

void channel_open(int fd) {
  port = fd;
  channel.in_begin = channel.in_length = channel.out_length = channel.taken = 0;
}

int channel_fd(void) { return port; }

bool channel_has_room(void) { return OUT_SIZE - channel.out_length >= ANSWER_MAX + 64u; }

bool channel_is_flushed(void) { return channel.out_length == 0; }

short channel_events(void) {
  bool wants = channel.in_length < IN_SIZE && channel_has_room();
  return (short)((wants ? POLLIN : 0) | (channel.out_length > 0 ? POLLOUT : 0));
}

static bool hung_up(void) { return fail(CODE_INTERNAL, "the host has closed the port"); }

bool channel_flush(void) {
  while (channel.out_length > 0) {
    ssize_t sent = write(port, channel.out, channel.out_length);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return true;
    if (sent <= 0) return hung_up();
    channel.out_length -= (size_t)sent;
    memmove(channel.out, channel.out + sent, channel.out_length);
  }
  return true;
}

static void give_back_taken(void) {
  channel.in_begin += channel.taken;
  channel.in_length -= channel.taken;
  channel.taken = 0;
}

/* Not after each request: there may be very many of them. */
static void move_to_front(void) {
  memmove(channel.in, channel.in + channel.in_begin, channel.in_length);
  channel.in_begin = 0;
}

bool channel_step(void) {
  give_back_taken();
  move_to_front();
  if (!channel_flush()) return false;
  while (channel.in_length < IN_SIZE && channel_has_room()) {
    ssize_t got = read(port, channel.in + channel.in_length, IN_SIZE - channel.in_length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) return hung_up();
    channel.in_length += (size_t)got;
  }
  return true;
}

bool channel_next(struct request *request) {
  give_back_taken();
  if (channel.in_length < HEADER_SIZE) return false;
  const unsigned char *frame = channel.in + channel.in_begin;
  struct header header = header_get(frame);
  uint32_t length = header.length;
  if (length > FRAME_MAX) return fail(CODE_INVALID_ARGUMENT, "a frame of %u bytes; the limit is %u", length, FRAME_MAX);
  if (header.type != FRAME_REQUEST) return fail(CODE_INVALID_ARGUMENT, "a frame of type %u where a request is due", header.type);
  if (channel.in_length < HEADER_SIZE + (size_t)length) return false;
  channel.taken = HEADER_SIZE + (size_t)length;
  struct view message = {frame + HEADER_SIZE, length};
  if (!wire_valid(message)) return fail(CODE_INVALID_ARGUMENT, "a request that is no message of Protocol Buffers");
  *request = (struct request){header.stream, wire_bytes(message, 1), wire_bytes(message, 2), wire_bytes(message, 3)};
  return true;
}

/* Response{status = 1, payload = 2}; the room for it was looked at before anything was answered. */
static void send_response(uint32_t stream, struct wire_out *response) {
  unsigned char *frame = response->bytes - HEADER_SIZE;
  header_put(frame, &(struct header){.length = (uint32_t)response->length, .stream = stream, .type = FRAME_RESPONSE});
  channel.out_length += HEADER_SIZE + response->length;
}

static struct wire_out response_begin(void) {
  size_t at = channel.out_length + HEADER_SIZE;
  return (struct wire_out){.bytes = channel.out + at, .size = OUT_SIZE - at};
}

struct wire_out *answer_begin(void) {
  answer = (struct wire_out){.bytes = answer_bytes, .size = sizeof answer_bytes};
  return &answer;
}

void answer_failure(uint32_t stream) {
  const struct failure *failure = failure_last();
  struct wire_out response = response_begin();
  size_t status = wire_open(&response, 1);
  wire_put_number(&response, 1, failure->code);
  wire_put_text(&response, 2, failure->text);
  wire_close(&response, status);
  send_response(stream, &response);
}

void answer_end(uint32_t stream) {
  if (answer.full) {
    failure_clear();
    fail(CODE_RESOURCE_EXHAUSTED, "the answer has more than %u bytes", ANSWER_MAX);
    answer_failure(stream);
    return;
  }
  struct wire_out response = response_begin();
  wire_put_bytes(&response, 2, answer.bytes, answer.length);
  send_response(stream, &response);
}

void answer_empty(uint32_t stream) {
  struct wire_out response = response_begin();
  send_response(stream, &response);
}

void channel_greet(void) { answer_empty(0); }
