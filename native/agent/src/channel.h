/* The port to the host, and ttrpc on it: frames of u32 length, u32 stream (both big-endian), u8 type, u8 flags, and a message. */
#ifndef SLIPWAY_AGENT_CHANNEL_H
#define SLIPWAY_AGENT_CHANNEL_H

#include "common/ttrpc.h"
#include "wire.h"

/* ttrpc's own limit. */
/* The longest payload of an answer: one read of a stream and what is around it. */
#define ANSWER_MAX (65536u + 512u)

struct request {
  uint32_t stream;
  struct view service, method, payload; /* valid until the next one is taken */
};

void channel_open(int fd);
/* Sends what can be sent. False as of `channel_step`. */
bool channel_flush(void);
/* The same, and takes in what has come. False: the host has gone, or what it sends cannot be understood (noted as a failure). */
bool channel_step(void);
/* What poll(2) should wait for. */
short channel_events(void);
int channel_fd(void);
/* Whether an answer of any size would fit. Without it no request is taken, and nothing that waits is answered. */
bool channel_has_room(void);
/* Everything is sent. */
bool channel_is_flushed(void);
/* The next request. False: there is none that is whole; or what came is broken, and a failure is noted. */
bool channel_next(struct request *request);

/* The payload of an answer is written into what `answer_begin` gives, until `answer_end`. */
struct wire_out *answer_begin(void);
void answer_end(uint32_t stream);
void answer_empty(uint32_t stream);
/* The failure that was noted. */
void answer_failure(uint32_t stream);
/* To be sent once, first: the host may not write before the port is open. */
void channel_greet(void);

#endif
