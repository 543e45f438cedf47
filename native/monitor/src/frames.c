/* Frames: a little-endian u32 length, then that many bytes of NUL-terminated strings: verb, id, arguments. */
#include "streams.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void control_open(struct control *control, int fd) {
  control->fd = fd;
  control->in_length = control->out_length = 0;
}

void control_close(struct control *control) {
  if (control->fd >= 0) close(control->fd);
  control->fd = -1;
  control->out_length = 0;
}

void control_poll(const struct control *control, struct poll_set *set) {
  short events = (short)((control->in_length < control->in_size ? POLLIN : 0) | (control->out_length > 0 ? POLLOUT : 0));
  /* Without a wish it is left out: a client that has hung up would wake us for ever. */
  if (events != 0) poll_add(set, control->fd, events);
}

void control_flush(struct control *control) {
  while (control->fd >= 0 && control->out_length > 0) {
    ssize_t sent = send(control->fd, control->out, control->out_length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) {
      control_close(control);
      return;
    }
    control->out_length -= (size_t)sent;
    memmove(control->out, control->out + sent, control->out_length);
  }
}

void control_step(struct control *control) {
  control_flush(control);
  while (control->fd >= 0 && control->in_length < control->in_size) {
    ssize_t got = recv(control->fd, control->in + control->in_length, control->in_size - control->in_length, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      control_close(control);
      return;
    }
    control->in_length += (size_t)got;
  }
}

void control_taken(struct control *control, size_t length) {
  control->in_length -= length;
  memmove(control->in, control->in + length, control->in_length);
}

static uint32_t frame_length(const unsigned char *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Nothing after a broken frame can be understood: there is no way back into step. */
static bool broken(struct control *control, const char *why) {
  control_send(control, "failed", "0", "protocol", "0", why, NULL);
  control_close(control);
  control->in_length = 0;
  return false;
}

bool control_next(struct control *control, struct frame *frame) {
  static char payload[FRAME_MAX];
  if (control->in_length < 4) return false;
  uint32_t length = frame_length(control->in);
  if (length > FRAME_MAX || length == 0) return broken(control, "the length of a frame is not between 1 and 65536");
  if (length > control->in_size - 4) return broken(control, "a frame is longer than a connection may send");
  if (control->in_length < 4 + (size_t)length) return false;
  memcpy(payload, control->in + 4, length);
  control_taken(control, 4 + (size_t)length);

  if (payload[length - 1] != '\0') return broken(control, "a frame does not end with NUL");
  frame->count = 0;
  for (char *at = payload; at < payload + length; at += strlen(at) + 1) {
    if (frame->count == FRAME_STRINGS) return broken(control, "a frame has too many strings");
    frame->strings[frame->count++] = at;
  }
  frame->strings[frame->count] = NULL;
  if (frame->count < 2) return broken(control, "a frame has no verb and id");
  return true;
}

void control_send(struct control *control, ...) {
  if (control->fd < 0) return;
  size_t begin = control->out_length, at = begin + 4;
  va_list strings;
  va_start(strings, control);
  for (const char *string = va_arg(strings, const char *); string != NULL; string = va_arg(strings, const char *)) {
    size_t size = strlen(string) + 1;
    if (at > control->out_size || size > control->out_size - at) {
      va_end(strings);
      control_close(control);
      return;
    }
    memcpy(control->out + at, string, size);
    at += size;
  }
  va_end(strings);
  size_t length = at - begin - 4;
  for (int i = 0; i < 4; i++) control->out[begin + (size_t)i] = (unsigned char)(length >> (8 * i));
  control->out_length = at;
  control_flush(control);
}
