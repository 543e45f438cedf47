/* What is said to the agent, and what it answers. */
#ifndef SLIPWAY_SHIM_WIRE_H
#define SLIPWAY_SHIM_WIRE_H

#include "base.h"
#include "common/ttrpc.h"
#include "common/wire.h"

/* Ours, between a container's process and the daemon, never the guest. */
enum {
  /* "Kill this process in the guest when I go", with its exec id, empty for "no more"; answered with the same. */
  FRAME_BIND = 0x80,
  /* From the daemon: why the machine has ended. */
  FRAME_ENDED = 0x81
};

#define AGENT "grpc.AgentService"
#define HEALTH "grpc.Health"

/* A request with its header; what it is of a process is in `payload`. The length, or 0 when it does not fit. */
size_t request_put(unsigned char *frame, size_t size, uint32_t stream, const char *service, const char *method, const void *payload, size_t length);
/* Room that request_put() needs besides the payload. */
#define REQUEST_ROOM 160u

struct answer {
  bool failed;
  char error[512];
  struct view payload;
};

/* False: it is none. */
bool answer_get(const unsigned char *bytes, size_t length, struct answer *answer);

#endif
