#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CALL_STREAM 1u
/* For a place among those whom the daemon has not looked at yet. */
#define CONNECT_LIMIT_MS 5000
#define CONNECT_AGAIN_MS 20
/* Its connections end a moment before itself. */
#define DAEMON_END_MS 500

void connection_lost(const struct connection *connection, const struct folder *folder, struct text *reason) {
  char ended[REASON_SIZE];
  text_add(reason, "the virtual machine of \"%s\" ended", folder->id);
  if (connection->ended[0] != '\0') {
    text_add(reason, ": %s", connection->ended);
  } else if (read_text(folder->fd, "ended", ended, sizeof ended) > 0) {
    text_add(reason, ": %s", ended);
  } else if (process_wait(folder, "vm", DAEMON_END_MS)) {
    text_add(reason, ": its daemon was killed");
  }
}

bool connection_open(struct connection *connection, const struct folder *folder, struct text *reason) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  connection->in_length = connection->taken = connection->out_length = 0;
  connection->wrong = NULL;
  connection->ended[0] = '\0';
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/agent.sock", folder->fd);
  connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (connection->fd < 0) text_add(reason, "socket: %s", strerror(errno));
  int64_t deadline = now_ms() + CONNECT_LIMIT_MS;
  while (connection->fd >= 0 && connect(connection->fd, (struct sockaddr *)&address, sizeof address) < 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN && now_ms() < deadline) {
      sleep_ms(CONNECT_AGAIN_MS);
      continue;
    }
    if (errno == EAGAIN) text_add(reason, "the daemon of the virtual machine of \"%s\" takes no more connections", folder->id);
    else connection_lost(connection, folder, reason);
    close_one(&connection->fd);
  }
  return connection->fd >= 0;
}

void connection_break(struct connection *connection, const char *wrong) {
  close_one(&connection->fd);
  connection->wrong = wrong;
  connection->in_length = connection->taken = 0;
}

void connection_poll(const struct connection *connection, struct poll_set *set) {
  poll_add(set, connection->fd, (short)(POLLIN | (connection->out_length > 0 ? POLLOUT : 0)));
}

static void flush(struct connection *connection) {
  while (connection->fd >= 0 && connection->out_length > 0) {
    ssize_t sent = send(connection->fd, connection->out, connection->out_length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    /* The end of it is seen by reading, with all that came before. */
    if (sent < 0) return;
    connection->out_length -= (size_t)sent;
    memmove(connection->out, connection->out + sent, connection->out_length);
  }
}

void connection_step(struct connection *connection) {
  flush(connection);
  connection->in_length -= connection->taken;
  memmove(connection->in, connection->in + connection->taken, connection->in_length);
  connection->taken = 0;
  while (connection->fd >= 0 && connection->in_length < sizeof connection->in) {
    ssize_t got = recv(connection->fd, connection->in + connection->in_length, sizeof connection->in - connection->in_length, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      close_one(&connection->fd);
      return;
    }
    connection->in_length += (size_t)got;
  }
}

static bool ask(struct connection *connection, uint32_t stream, const char *service, const char *method, const void *payload, size_t length) {
  unsigned char *at = connection->out + connection->out_length;
  size_t added = request_put(at, sizeof connection->out - connection->out_length, stream, service, method, payload, length);
  connection->out_length += added;
  flush(connection);
  return added > 0;
}

bool connection_ask(struct connection *connection, uint32_t stream, const char *method, const struct wire_out *payload) {
  return !payload->full && ask(connection, stream, AGENT, method, payload->bytes, payload->length);
}

bool connection_ask_health(struct connection *connection, uint32_t stream) { return ask(connection, stream, HEALTH, "Check", "", 0); }

bool connection_bind(struct connection *connection, const char *process) {
  size_t length = strlen(process);
  if (HEADER_SIZE + length > sizeof connection->out - connection->out_length) return false;
  unsigned char *at = connection->out + connection->out_length;
  header_put(at, &(struct header){.length = (uint32_t)length, .type = FRAME_BIND});
  memcpy(at + HEADER_SIZE, process, length);
  connection->out_length += HEADER_SIZE + length;
  flush(connection);
  return true;
}

bool connection_next(struct connection *connection, struct header *header, const unsigned char **payload) {
  const unsigned char *at = connection->in + connection->taken;
  size_t length = connection->in_length - connection->taken;
  if (length < HEADER_SIZE) return false;
  *header = header_get(at);
  if (header->length > sizeof connection->in - HEADER_SIZE) {
    connection_break(connection, "the agent answered with more than was asked for");
    return false;
  }
  if (length - HEADER_SIZE < header->length) return false;
  *payload = at + HEADER_SIZE;
  connection->taken += HEADER_SIZE + header->length;
  if (header->type == FRAME_ENDED) {
    struct text text = {.bytes = connection->ended, .size = sizeof connection->ended};
    text_add_plain(&text, (const char *)*payload, header->length);
  }
  return true;
}

/* Waits for a frame of that type. False: it does not come. */
static bool await(struct connection *connection, uint8_t type, int64_t deadline, struct header *header, const unsigned char **payload) {
  while (!connection_next(connection, header, payload) || header->type != type) {
    if (connection->fd < 0 || now_ms() >= deadline) return false;
    struct poll_set set = {.deadline = deadline};
    connection_poll(connection, &set);
    poll_wait(&set);
    connection_step(connection);
  }
  return true;
}

static bool not_answered(struct connection *connection, const char *what, int64_t limit_ms, struct text *reason) {
  if (connection->wrong != NULL) {
    text_add(reason, "%s: %s", what, connection->wrong);
  } else if (connection->fd < 0) {
    text_add(reason, "%s: the virtual machine has gone%s%s", what, connection->ended[0] == '\0' ? "" : ": ", connection->ended);
  } else {
    text_add(reason, "%s: the agent did not answer within %lld ms", what, (long long)limit_ms);
  }
  return false;
}

/* A request may be bigger than what is ever kept here. */
static bool send_large(struct connection *connection, const unsigned char *frame, size_t length, int64_t deadline) {
  while (length > 0 && now_ms() < deadline) {
    struct pollfd entry = {.fd = connection->fd, .events = POLLOUT};
    poll(&entry, 1, 1000);
    ssize_t sent = send(connection->fd, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (sent < 0) continue;
    frame += sent;
    length -= (size_t)sent;
  }
  return length == 0;
}

bool connection_call(struct connection *connection, const char *method, const void *payload, size_t length, int64_t limit_ms, struct text *reason) {
  int64_t deadline = now_ms() + limit_ms;
  unsigned char *frame = malloc(length + REQUEST_ROOM);
  size_t size = frame == NULL ? 0 : request_put(frame, length + REQUEST_ROOM, CALL_STREAM, AGENT, method, payload, length);
  if (size == 0) {
    free(frame);
    text_add(reason, "%s: a request of %zu bytes is too long", method, length);
    return false;
  }
  struct header header;
  const unsigned char *bytes;
  struct answer answer;
  bool sent = send_large(connection, frame, size, deadline);
  free(frame);
  if (!sent || !await(connection, FRAME_RESPONSE, deadline, &header, &bytes)) return not_answered(connection, method, limit_ms, reason);
  bool understood = answer_get(bytes, header.length, &answer);
  if (understood && !answer.failed) return true;
  text_add(reason, "%s", understood ? answer.error : "the agent's answer is no message");
  return false;
}

bool connection_bound(struct connection *connection, const char *process, int64_t limit_ms, struct text *reason) {
  struct header header;
  const unsigned char *bytes;
  if (connection_bind(connection, process) && await(connection, FRAME_BIND, now_ms() + limit_ms, &header, &bytes)) return true;
  return not_answered(connection, "connecting", limit_ms, reason);
}
