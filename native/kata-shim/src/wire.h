/* The bytes of the agent's protocol: ttrpc frames, protobuf fields. */
#ifndef SLIPWAY_SHIM_WIRE_H
#define SLIPWAY_SHIM_WIRE_H

#include "base.h"

#define HEADER_SIZE 10u
#define FRAME_MAX (4u << 20)

enum {
  FRAME_REQUEST = 1,
  FRAME_RESPONSE = 2,
  /*
   * Ours, between a container's process and the daemon, never the guest: "kill this process in the guest when I go", with its exec id, empty
   * for "no more"; answered with the same.
   */
  FRAME_BIND = 0x80,
  /* From the daemon: why the machine has ended. */
  FRAME_ENDED = 0x81
};

#define AGENT "grpc.AgentService"
#define HEALTH "grpc.Health"

struct header {
  uint32_t length, stream;
  uint8_t type, flags;
};

void header_put(unsigned char bytes[HEADER_SIZE], const struct header *header);
struct header header_get(const unsigned char bytes[HEADER_SIZE]);

/* A message that is being written into a room that it may outgrow. */
struct message {
  unsigned char *bytes;
  size_t length, size;
  bool full;
};

void put_varint(struct message *message, unsigned field, uint64_t value);
void put_bytes(struct message *message, unsigned field, const void *bytes, size_t length);
void put_string(struct message *message, unsigned field, const char *string);

/* One field of a message that is being read. */
struct field {
  unsigned number;
  uint64_t value;             /* of a varint */
  const unsigned char *bytes; /* NULL: it is a varint */
  size_t length;
};

/* Takes the next field from the front; what is neither varint nor bytes is passed over. False at the end, or when the rest is none, which sets *broken. */
bool field_next(const unsigned char **at, size_t *left, struct field *field, bool *broken);

/* A request with its header; what it is of a process is in `payload`. The length, or 0 when it does not fit. */
size_t request_put(unsigned char *frame, size_t size, uint32_t stream, const char *service, const char *method, const void *payload, size_t length);
/* Room that request_put() needs besides the payload. */
#define REQUEST_ROOM 160u

struct answer {
  bool failed;
  char error[512];
  const unsigned char *payload;
  size_t length;
};

/* False: it is none. */
bool answer_get(const unsigned char *bytes, size_t length, struct answer *answer);

#endif
