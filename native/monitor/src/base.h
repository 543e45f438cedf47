/* What every part uses: limits, and the time of day. */
#ifndef SLIPWAY_BASE_H
#define SLIPWAY_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/clock.h"
#include "common/poll.h"
#include "common/text.h"

#define PROTOCOL_VERSION "2"
#define FRAME_MAX 65536u
#define FRAME_STRINGS 2048
#define RELAY_BUFFER 65536u
#define TAIL_MAX 4096u
#define ID_SIZE 24
#define TIME_SIZE 40

enum { STREAM_IN, STREAM_OUT, STREAM_ERR, STREAMS };

/* ---- clock.c ---- */

/* RFC 3339 with nanoseconds, UTC. */
void time_now(char text[TIME_SIZE]);

#endif
