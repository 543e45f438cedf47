/* The header of a frame of ttrpc; what it means is for those who speak it. */
#ifndef SLIPWAY_TTRPC_H
#define SLIPWAY_TTRPC_H

#include <stdint.h>

#define HEADER_SIZE 10u
#define FRAME_MAX (4u << 20)

enum { FRAME_REQUEST = 1, FRAME_RESPONSE = 2 };

struct header {
  uint32_t length, stream;
  uint8_t type, flags;
};

void header_put(unsigned char bytes[HEADER_SIZE], const struct header *header);
struct header header_get(const unsigned char bytes[HEADER_SIZE]);

#endif
