/* The side of the mux that our own programs are on. They are root's, but may be stopped or killed at any moment. */
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_NAME "agent.sock"
/* Of all frames that are not whole yet, and of all answers that are not taken. */
#define HELD_MAX (16u << 20)

void mux_open(struct mux *mux, const char *id, int guest) {
  *mux = (struct mux){.id = id, .guest = guest, .listener = -1, .next_stream = 1, .target = NOBODY};
  for (size_t i = 0; i < CLIENTS; i++) mux->clients[i].fd = -1;
}

bool mux_listen(struct mux *mux, const struct folder *folder) {
  mux->listener = listen_in(folder->fd, SOCKET_NAME);
  return mux->listener >= 0 && never_wait(mux->listener);
}

static void free_slot(struct mux *mux, struct mux_client *client) {
  if (client->frame != NULL) mux->held -= client->frame_size;
  mux->held -= client->queue_end;
  free(client->frame);
  free(client->queue);
  client->frame = client->queue = NULL;
  client->queue_start = client->queue_end = 0;
  client->header_length = 0;
}

/* Its place is free at once: a guest that never answers would keep it for ever. */
static void leave(struct mux *mux, struct mux_client *client) {
  size_t index = (size_t)(client - mux->clients);
  close_one(&client->fd);
  free_slot(mux, client);
  /* The rest of an answer would go to whoever comes into its place. */
  if (mux->target == index) mux->target = NOBODY;
  if (client->is_container) {
    mux->container_gone = true;
    mux->container_ended = client->process[0] == '\0';
    client->process[0] = '\0';
  }
  guest_client_gone(mux, index, client->process);
}

static void flush(struct mux *mux, struct mux_client *client) {
  while (client->fd >= 0 && client->queue_start < client->queue_end) {
    ssize_t sent = send(client->fd, client->queue + client->queue_start, client->queue_end - client->queue_start, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return leave(mux, client);
    client->queue_start += (size_t)sent;
  }
  mux->held -= client->queue_end;
  free(client->queue);
  client->queue = NULL;
  client->queue_start = client->queue_end = 0;
}

static void enqueue(struct mux *mux, struct mux_client *client, const unsigned char *bytes, size_t length) {
  unsigned char *queue = mux->held + length > HELD_MAX ? NULL : realloc(client->queue, client->queue_end + length);
  /* Whoever takes nothing while that much comes has to go, or all others would wait. */
  if (queue == NULL) return leave(mux, client);
  memcpy(queue + client->queue_end, bytes, length);
  client->queue = queue;
  client->queue_end += length;
  mux->held += length;
}

static void send_to(struct mux *mux, struct mux_client *client, const unsigned char *bytes, size_t length) {
  while (client->fd >= 0 && client->queue == NULL && length > 0) {
    ssize_t sent = send(client->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return leave(mux, client);
    bytes += sent;
    length -= (size_t)sent;
  }
  if (client->fd >= 0 && length > 0) enqueue(mux, client, bytes, length);
}

void mux_deliver(struct mux *mux, size_t index, const unsigned char *bytes, size_t length) {
  if (index == OWN) {
    size_t room = sizeof mux->own_answer - mux->own_answer_length;
    memcpy(mux->own_answer + mux->own_answer_length, bytes, length < room ? length : room);
    mux->own_answer_length += length < room ? length : room;
  } else if (index < CLIENTS && mux->clients[index].fd >= 0) {
    send_to(mux, &mux->clients[index], bytes, length);
  }
}

static bool bind_process(struct mux *mux, struct mux_client *client) {
  size_t length = client->frame_size - HEADER_SIZE;
  if (length >= ID_SIZE || memchr(client->frame + HEADER_SIZE, '\0', length) != NULL) return false;
  char process[ID_SIZE] = "";
  memcpy(process, client->frame + HEADER_SIZE, length);
  bool is_container = strcmp(process, mux->id) == 0;
  if (is_container && mux->has_container) return false;
  memcpy(client->process, process, sizeof process);
  client->is_container = client->is_container || is_container;
  mux->has_container = mux->has_container || is_container;
  mux->held -= client->frame_size;
  free(client->frame);
  client->frame = NULL;
  client->header_length = 0;
  unsigned char header[HEADER_SIZE];
  header_put(header, &(struct header){.type = FRAME_BIND});
  send_to(mux, client, header, sizeof header);
  return client->fd >= 0;
}

/* The header is whole. */
static bool begin_frame(struct mux *mux, struct mux_client *client) {
  struct header header = header_get(client->header);
  bool request = header.type == FRAME_REQUEST && header.stream % 2 == 1 && header.length > 0;
  if ((!request && header.type != FRAME_BIND) || header.flags != 0 || header.length > FRAME_MAX) return false;
  client->frame_size = HEADER_SIZE + header.length;
  client->frame_length = HEADER_SIZE;
  if (mux->held + client->frame_size > HELD_MAX) return false;
  client->frame = malloc(client->frame_size);
  if (client->frame == NULL) return false;
  mux->held += client->frame_size;
  memcpy(client->frame, client->header, HEADER_SIZE);
  return true;
}

bool mux_has_request(const struct mux_client *client) { return client->frame != NULL && client->frame_length == client->frame_size; }

/* Reads up to one whole request, which waits for its turn. False: it has gone, or must go. */
static bool receive(struct mux *mux, struct mux_client *client) {
  while (!mux_has_request(client)) {
    bool in_header = client->frame == NULL;
    unsigned char *at = in_header ? client->header + client->header_length : client->frame + client->frame_length;
    size_t room = in_header ? HEADER_SIZE - client->header_length : client->frame_size - client->frame_length;
    ssize_t got = recv(client->fd, at, room, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) return false;
    if (in_header) {
      client->header_length += (size_t)got;
      if (client->header_length == HEADER_SIZE && !begin_frame(mux, client)) return false;
    } else {
      client->frame_length += (size_t)got;
    }
    if (mux_has_request(client) && client->header[8] == FRAME_BIND && !bind_process(mux, client)) return false;
  }
  return true;
}

static void accept_one(struct mux *mux) {
  for (size_t i = 0; mux->listener >= 0 && i < CLIENTS; i++) {
    struct mux_client *client = &mux->clients[i];
    if (client->fd >= 0) continue;
    int fd = accept4(mux->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    *client = (struct mux_client){.fd = fd};
  }
}

static bool hung_up(int fd) {
  struct pollfd entry = {.fd = fd};
  return poll(&entry, 1, 0) > 0;
}

void mux_step(struct mux *mux) {
  guest_receive(mux);
  for (size_t i = 0; i < CLIENTS; i++) {
    struct mux_client *client = &mux->clients[i];
    if (client->fd < 0) continue;
    flush(mux, client);
    if (client->fd < 0) continue;
    bool stays = mux_has_request(client) ? !hung_up(client->fd) : receive(mux, client);
    if (!stays && client->fd >= 0) leave(mux, client);
  }
  accept_one(mux);
  guest_send(mux);
}

void mux_poll(const struct mux *mux, struct poll_set *set) {
  bool free_place = false;
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct mux_client *client = &mux->clients[i];
    free_place = free_place || client->fd < 0;
    poll_add(set, client->fd, (short)((mux_has_request(client) ? 0 : POLLIN) | (client->queue != NULL ? POLLOUT : 0)));
  }
  guest_poll(mux, set);
  if (free_place) poll_add(set, mux->listener, POLLIN);
}

void mux_tell_end(struct mux *mux, const char *reason) {
  unsigned char header[HEADER_SIZE];
  header_put(header, &(struct header){.length = (uint32_t)strlen(reason), .type = FRAME_ENDED});
  for (size_t i = 0; i < CLIENTS; i++) {
    struct mux_client *client = &mux->clients[i];
    /* In the middle of an answer there is no room for anything else. */
    if (client->fd < 0 || mux->target == i) continue;
    send_to(mux, client, header, sizeof header);
    send_to(mux, client, (const unsigned char *)reason, strlen(reason));
  }
}

bool mux_has_processes(const struct mux *mux) {
  for (size_t i = 0; i < CLIENTS; i++) {
    if (mux->clients[i].fd >= 0 && mux->clients[i].process[0] != '\0') return true;
  }
  return false;
}

bool mux_ask(struct mux *mux, const char *service, const char *method, const void *payload, size_t length) {
  size_t size = length + REQUEST_ROOM;
  if (length > FRAME_MAX - REQUEST_ROOM) return false;
  unsigned char *frame = malloc(size);
  if (frame == NULL) return false;
  mux->own_length = request_put(frame, size, 1, service, method, payload, length);
  if (mux->own_length == 0) {
    free(frame);
    return false;
  }
  free(mux->own_frame);
  mux->own_frame = frame;
  mux->own_asked = true;
  mux->own_answered = false;
  return true;
}

bool mux_answered(struct mux *mux, struct answer *answer) {
  if (!mux->own_asked || !mux->own_answered) return false;
  mux->own_asked = false;
  size_t length = mux->own_answer_length - HEADER_SIZE;
  if (!answer_get(mux->own_answer + HEADER_SIZE, length, answer)) {
    *answer = (struct answer){.failed = true};
    copy(answer->error, sizeof answer->error, "an answer that is no message, or has more than 4 KiB");
  }
  return true;
}

void mux_close(struct mux *mux, const struct folder *folder) {
  if (mux->listener >= 0) unlinkat(folder->fd, SOCKET_NAME, 0);
  close_one(&mux->listener);
  close_one(&mux->guest);
  for (size_t i = 0; i < CLIENTS; i++) {
    struct mux_client *client = &mux->clients[i];
    close_one(&client->fd);
    free_slot(mux, client);
  }
  free(mux->own_frame);
  free(mux->out);
  mux->own_frame = mux->out = NULL;
}
