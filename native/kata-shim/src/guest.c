/* The side of the mux that the guest is on: nothing it sends is believed. */
#include "vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void violation(struct mux *mux, const char *what, uint32_t number) {
  if (mux->violation[0] == '\0') snprintf(mux->violation, sizeof mux->violation, "%s (%u)", what, number);
  close_one(&mux->guest);
}

/* Its place in the table follows from its number, which is odd. Numbers begin again when they are used up. */
static struct call *new_call(struct mux *mux, size_t client, uint32_t client_stream) {
  if (mux->calls_in_use == CALLS) return NULL;
  struct call *call;
  while ((call = &mux->calls[(mux->next_stream >> 1) % CALLS])->in_use) mux->next_stream += 2;
  *call = (struct call){.in_use = true, .guest_stream = mux->next_stream, .client = (uint16_t)client, .client_stream = client_stream};
  mux->next_stream += 2;
  mux->calls_in_use++;
  return call;
}

static void set_stream(unsigned char *frame, uint32_t stream) {
  struct header header = header_get(frame);
  header.stream = stream;
  header_put(frame, &header);
}

/* Takes the frame over. */
static void begin(struct mux *mux, size_t client, uint32_t client_stream, unsigned char *frame, size_t length) {
  set_stream(frame, new_call(mux, client, client_stream)->guest_stream);
  mux->out = frame;
  mux->out_length = length;
  mux->out_sent = 0;
}

static bool begin_own(struct mux *mux) {
  if (mux->own_frame == NULL) return false;
  begin(mux, OWN, 1, mux->own_frame, mux->own_length);
  mux->own_frame = NULL;
  return true;
}

static bool begin_kill(struct mux *mux) {
  unsigned char bytes[3 * ID_SIZE];
  for (size_t i = 0; i < CLIENTS; i++) {
    struct mux_client *client = &mux->clients[i];
    if (!client->kill_due) continue;
    client->kill_due = false;
    struct message message = {.bytes = bytes, .size = sizeof bytes};
    put_string(&message, 1, mux->id);
    put_string(&message, 2, client->process);
    put_varint(&message, 3, 9);
    unsigned char *frame = malloc(message.length + REQUEST_ROOM);
    if (frame == NULL) return false;
    size_t length = request_put(frame, message.length + REQUEST_ROOM, 1, AGENT, "SignalProcess", message.bytes, message.length);
    begin(mux, NOBODY, 1, frame, length);
    return true;
  }
  return false;
}

static bool begin_client(struct mux *mux) {
  for (size_t i = 0; i < CLIENTS; i++) {
    size_t index = (mux->turn + i) % CLIENTS;
    struct mux_client *client = &mux->clients[index];
    if (client->frame == NULL || client->frame_length < client->frame_size || client->calls == CLIENT_CALLS) continue;
    mux->turn = index + 1;
    mux->held -= client->frame_size;
    client->calls++;
    begin(mux, index, header_get(client->frame).stream, client->frame, client->frame_size);
    client->frame = NULL;
    client->header_length = 0;
    return true;
  }
  return false;
}

void guest_send(struct mux *mux) {
  while (mux->guest >= 0) {
    if (mux->out == NULL && (mux->calls_in_use == CALLS || (!begin_own(mux) && !begin_kill(mux) && !begin_client(mux)))) return;
    ssize_t sent = send(mux->guest, mux->out + mux->out_sent, mux->out_length - mux->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) {
      mux->closed = true;
      close_one(&mux->guest);
      return;
    }
    mux->out_sent += (size_t)sent;
    if (mux->out_sent < mux->out_length) continue;
    free(mux->out);
    mux->out = NULL;
  }
}

static void take_header(struct mux *mux) {
  struct header header = header_get(mux->header);
  if (header.length > FRAME_MAX) return violation(mux, "it sent a frame of too many bytes", header.length);
  if (header.type != FRAME_RESPONSE) return violation(mux, "it sent a frame of an unknown type", header.type);
  if (header.flags != 0) return violation(mux, "it sent a frame with unknown flags", header.flags);
  if (header.stream == 0) {
    if (mux->open || header.length != 0) return violation(mux, "it sent an answer to nothing", header.length);
    mux->open = true;
    mux->header_length = 0;
    return;
  }
  struct call *call = &mux->calls[(header.stream >> 1) % CALLS];
  if (!call->in_use || call->guest_stream != header.stream) return violation(mux, "it answered what nobody asked", header.stream);
  call->in_use = false;
  mux->calls_in_use--;
  mux->target = call->client;
  mux->frame_left = header.length;
  mux_call_ended(mux, call);
  if (mux->target == OWN) mux->own_answer_length = 0;
  header.stream = call->client_stream;
  header_put(mux->header, &header);
  mux_deliver(mux, mux->target, mux->header, HEADER_SIZE);
}

static void end_frame(struct mux *mux) {
  mux->header_length = 0;
  if (mux->target == OWN) mux->own_answered = true;
  mux->target = NOBODY;
}

static void take(struct mux *mux, const unsigned char *bytes, size_t length) {
  while (length > 0 && mux->guest >= 0) {
    size_t part;
    if (mux->header_length < HEADER_SIZE) {
      part = HEADER_SIZE - mux->header_length < length ? HEADER_SIZE - mux->header_length : length;
      memcpy(mux->header + mux->header_length, bytes, part);
      mux->header_length += part;
      if (mux->header_length == HEADER_SIZE) take_header(mux);
    } else {
      part = mux->frame_left < length ? mux->frame_left : length;
      mux_deliver(mux, mux->target, bytes, part);
      mux->frame_left -= part;
    }
    bytes += part;
    length -= part;
    if (mux->header_length == HEADER_SIZE && mux->frame_left == 0 && mux->guest >= 0) end_frame(mux);
  }
}

void guest_receive(struct mux *mux) {
  static unsigned char bytes[32768];
  /* Bounded, so that one busy guest does not keep everything else waiting. */
  for (int rounds = 0; rounds < 32 && mux->guest >= 0; rounds++) {
    ssize_t got = recv(mux->guest, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      mux->closed = true;
      close_one(&mux->guest);
      return;
    }
    take(mux, bytes, (size_t)got);
  }
}
