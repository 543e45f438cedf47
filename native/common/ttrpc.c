#include "common/ttrpc.h"

static void put_u32(unsigned char *bytes, uint32_t value) {
  for (int i = 0; i < 4; i++) bytes[i] = (unsigned char)(value >> (24 - 8 * i));
}

static uint32_t get_u32(const unsigned char *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3];
}

void header_put(unsigned char bytes[HEADER_SIZE], const struct header *header) {
  put_u32(bytes, header->length);
  put_u32(bytes + 4, header->stream);
  bytes[8] = header->type;
  bytes[9] = header->flags;
}

struct header header_get(const unsigned char bytes[HEADER_SIZE]) {
  return (struct header){.length = get_u32(bytes), .stream = get_u32(bytes + 4), .type = bytes[8], .flags = bytes[9]};
}
