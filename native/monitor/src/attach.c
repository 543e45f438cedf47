/* Framed streams over a connection: see streams.h for the kinds. */
#include "streams.h"

#include <string.h>

#define HEADER 5u

bool attach_send(struct client *client, int kind, const unsigned char *bytes, size_t length) {
  struct control *control = &client->control;
  if (control->fd < 0) return true;
  if (length + HEADER > control->out_size - control->out_length) control_flush(control);
  if (length + HEADER > control->out_size - control->out_length) return control->fd < 0;
  unsigned char *at = control->out + control->out_length;
  at[0] = (unsigned char)kind;
  for (int i = 0; i < 4; i++) at[1 + i] = (unsigned char)(length >> (8 * i));
  memcpy(at + HEADER, bytes, length);
  control->out_length += HEADER + length;
  control_flush(control);
  return true;
}

/* True when more can be worked on at once. */
static bool feed(struct client *client, struct relay *input) {
  struct control *control = &client->control;
  size_t there = control->in_length < client->stdin_left ? control->in_length : client->stdin_left;
  size_t taken = client->wants[STREAM_IN] ? relay_feed(input, control->in, there) : there;
  control_taken(control, taken);
  client->stdin_left -= (uint32_t)taken;
  return taken > 0 && client->stdin_left == 0;
}

bool attach_has_input(const struct client *client) {
  return client->attached && client->stdin_left > 0 && client->control.in_length > 0;
}

static void end_input(struct client *client, struct relay *input) {
  if (client->wants[STREAM_IN]) relay_end_source(input);
}

void attach_step(struct client *client, struct relay *input, int terminal) {
  struct control *control = &client->control;
  for (;;) {
    if (client->stdin_left > 0 && !feed(client, input)) return;
    if (control->in_length < HEADER) return;
    const unsigned char *at = control->in;
    uint32_t length = (uint32_t)at[1] | (uint32_t)at[2] << 8 | (uint32_t)at[3] << 16 | (uint32_t)at[4] << 24;
    int kind = at[0];
    bool valid = (kind == ATTACH_STDIN && length <= FRAME_MAX) || (kind == ATTACH_STDIN_END && length == 0) ||
                 (kind == ATTACH_RESIZE && length == 4);
    if (!valid) {
      control_close(control);
      control->in_length = 0;
      return;
    }
    if (kind == ATTACH_RESIZE) {
      if (control->in_length < HEADER + length) return;
      const unsigned char *size = at + HEADER;
      terminal_resize(terminal, (unsigned long)(size[0] | size[1] << 8), (unsigned long)(size[2] | size[3] << 8));
      control_taken(control, HEADER + length);
      continue;
    }
    /* The end comes after what was sent before it, which another client's bytes may still hold up. */
    if (kind == ATTACH_STDIN_END) end_input(client, input);
    control_taken(control, HEADER);
    client->stdin_left = length;
  }
}
