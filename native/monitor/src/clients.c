#include "streams.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Relative to the working directory: an absolute path may be longer than the 107 bytes that an address can hold. */
#define SOCKET_NAME "monitor.sock"
/* Requests of others than the creator are short; it is also what is read ahead of a client's input. */
#define CLIENT_IN 16384
/* One chunk of output with its header, and the answer to a request before it. */
#define CLIENT_OUT (RELAY_BUFFER + 16384)

static unsigned char creator_in[FRAME_MAX + 4], creator_out[CLIENT_OUT];

/* Whole pages, so that they can be given back. */
static _Alignas(4096) struct {
  unsigned char in[CLIENT_IN];
  unsigned char out[CLIENT_OUT];
} rooms[CLIENTS - 1];

static void take_slot(struct client *client, size_t index, int fd) {
  *client = (struct client){.in_use = true, .is_creator = index == 0, .waits = index == 0};
  struct control *control = &client->control;
  control->in = index == 0 ? creator_in : rooms[index - 1].in;
  control->in_size = index == 0 ? sizeof creator_in : CLIENT_IN;
  control->out = index == 0 ? creator_out : rooms[index - 1].out;
  control->out_size = CLIENT_OUT;
  control_open(control, fd);
}

void clients_open(struct clients *clients, int control_fd) {
  clients->listener = -1;
  for (size_t i = 1; i < CLIENTS; i++) clients->each[i].control.fd = -1;
  take_slot(&clients->each[0], 0, control_fd);
}

int listen_on(const char *name, int backlog) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", name);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return -1;
  unlink(name);
  mode_t before = umask(0177);
  int bound = bind(listener, (struct sockaddr *)&address, sizeof address);
  umask(before);
  if (bound == 0 && listen(listener, backlog) == 0) return listener;
  close(listener);
  return -1;
}

bool clients_listen(struct clients *clients) {
  clients->listener = listen_on(SOCKET_NAME, CLIENTS);
  return clients->listener >= 0;
}

void clients_close_listener(struct clients *clients) {
  if (clients->listener < 0) return;
  close(clients->listener);
  unlink(SOCKET_NAME);
  clients->listener = -1;
}

/* Those who wait can look by themselves; without a place for one more nobody could stop the container. */
static struct client *who_can_leave(struct clients *clients, const struct client *first, const struct client *second) {
  for (size_t i = 1; i < CLIENTS; i++) {
    clients->left_last = clients->left_last % (CLIENTS - 1) + 1;
    struct client *client = &clients->each[clients->left_last];
    if (client->in_use && client->waits && !client->attached && client != first && client != second) return client;
  }
  return NULL;
}

static void tell_refusal(struct control *control) {
  control_send(control, "failed", "0", "state", "0", "too many connections", NULL);
  control_close(control);
}

static void refuse(int fd) {
  unsigned char room[256];
  struct control control = {.out = room, .out_size = sizeof room};
  control_open(&control, fd);
  tell_refusal(&control);
}

static size_t free_slot(const struct clients *clients) {
  size_t free = 1;
  while (free < CLIENTS && clients->each[free].in_use) free++;
  return free;
}

void clients_accept(struct clients *clients, const struct client *first, const struct client *second) {
  if (clients->listener < 0) return;
  struct pollfd asked = {.fd = clients->listener, .events = POLLIN};
  while (poll(&asked, 1, 0) > 0) {
    size_t free = free_slot(clients);
    struct client *leaves = free == CLIENTS ? who_can_leave(clients, first, second) : NULL;
    if (leaves != NULL) {
      /* Its place is free in the next round, for which the listener wakes us. */
      tell_refusal(&leaves->control);
      return;
    }
    int fd = accept4(clients->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (free == CLIENTS) {
      refuse(fd);
      continue;
    }
    take_slot(&clients->each[free], free, fd);
    control_send(&clients->each[free].control, "hello", "0", PROTOCOL_VERSION, NULL);
  }
}

void client_free(struct client *client) {
  unsigned char *room = client->control.in;
  bool shared = client->is_creator;
  control_close(&client->control);
  *client = (struct client){.control.fd = -1};
  if (!shared) madvise(room, sizeof rooms[0], MADV_DONTNEED);
}

void clients_poll(const struct clients *clients, struct poll_set *set) {
  poll_add(set, clients->listener, POLLIN);
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct client *client = &clients->each[i];
    if (!client->in_use) continue;
    control_poll(&client->control, set);
    /* Closed by a write that failed, as the first one where the creator was killed: nothing else might wake us to forget it. */
    if (client->control.fd < 0) poll_wake_at(set, now_ms());
  }
}

bool clients_flushed(const struct clients *clients) {
  for (size_t i = 0; i < CLIENTS; i++) {
    if (clients->each[i].in_use && clients->each[i].control.out_length > 0) return false;
  }
  return true;
}
