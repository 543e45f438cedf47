/* The side of the mux that the guest is on: nothing it sends is believed. */
#include "vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A guest that has answered none of so many requests for so long answers nothing any more. */
#define FULL_LIMIT_MS 60000

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

void guest_client_gone(struct mux *mux, size_t client, const char *process) {
  struct gone *gone = NULL;
  if (process[0] != '\0') {
    for (size_t i = 0; i < GONE_MAX && gone == NULL; i++) {
      if (mux->gone[i].process[0] == '\0') gone = &mux->gone[i];
    }
    /* A guest that answers nothing has what was said to the first of them. */
    if (gone == NULL) gone = &mux->gone[mux->next_gone++ % GONE_MAX];
    *gone = (struct gone){.kill_due = true};
    copy(gone->process, sizeof gone->process, process);
  }
  size_t place = gone == NULL ? NOBODY : GONE + (size_t)(gone - mux->gone);
  for (size_t i = 0; i < CALLS; i++) {
    struct call *call = &mux->calls[i];
    if (!call->in_use) continue;
    if (gone != NULL && call->client == place) call->client = NOBODY;
    if (call->client != client) continue;
    call->client = (uint16_t)place;
    if (gone != NULL) gone->calls++;
  }
}

static void call_ended(struct mux *mux, size_t client) {
  if (client < CLIENTS) mux->clients[client].calls--;
  if (client < GONE) return;
  /* What was asked for may have made the process only now. */
  struct gone *gone = &mux->gone[client - GONE];
  gone->calls--;
  gone->kill_due = true;
}

static bool begin_kill(struct mux *mux) {
  unsigned char bytes[3 * ID_SIZE];
  for (size_t i = 0; i < GONE_MAX; i++) {
    struct gone *gone = &mux->gone[i];
    if (!gone->kill_due) continue;
    gone->kill_due = false;
    struct wire_out message = {.bytes = bytes, .size = sizeof bytes};
    wire_put_text(&message, 1, mux->id);
    wire_put_text(&message, 2, gone->process);
    wire_put_number(&message, 3, 9);
    if (gone->calls == 0) gone->process[0] = '\0';
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
    if (!mux_has_request(client) || client->calls == CLIENT_CALLS) continue;
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

static bool is_full(struct mux *mux) {
  if (mux->calls_in_use < CALLS) return false;
  if (mux->full_since == 0) mux->full_since = now_ms();
  if (now_ms() - mux->full_since >= FULL_LIMIT_MS) violation(mux, "it leaves too many requests unanswered", CALLS);
  return true;
}

static bool begin_next(struct mux *mux) { return !is_full(mux) && (begin_own(mux) || begin_kill(mux) || begin_client(mux)); }

void guest_poll(const struct mux *mux, struct poll_set *set) {
  bool to_send = mux->own_frame != NULL;
  for (size_t i = 0; i < GONE_MAX; i++) to_send = to_send || mux->gone[i].kill_due;
  for (size_t i = 0; i < CLIENTS; i++) to_send = to_send || (mux_has_request(&mux->clients[i]) && mux->clients[i].calls < CLIENT_CALLS);
  to_send = mux->out != NULL || (to_send && mux->calls_in_use < CALLS);
  poll_add(set, mux->guest, (short)(POLLIN | (to_send ? POLLOUT : 0)));
  if (mux->full_since != 0) poll_wake_at(set, mux->full_since + FULL_LIMIT_MS);
}

void guest_send(struct mux *mux) {
  while (mux->guest >= 0) {
    if (mux->out == NULL && !begin_next(mux)) return;
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
  mux->full_since = 0;
  mux->target = call->client;
  mux->frame_left = header.length;
  call_ended(mux, call->client);
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
