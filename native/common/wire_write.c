#include "common/wire.h"

#include <string.h>

static void put(struct wire_out *out, const void *bytes, size_t length) {
  if (out->full || length > out->size - out->length) {
    out->full = true;
    return;
  }
  memcpy(out->bytes + out->length, bytes, length);
  out->length += length;
}

static size_t varint(unsigned char bytes[10], uint64_t value) {
  size_t length = 0;
  do {
    bytes[length++] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>= 7;
  } while (value > 0);
  return length;
}

static void put_varint(struct wire_out *out, uint64_t value) {
  unsigned char bytes[10];
  put(out, bytes, varint(bytes, value));
}

static void put_tag(struct wire_out *out, uint32_t number, enum wire_type type) { put_varint(out, (uint64_t)number << 3 | type); }

void wire_put_number(struct wire_out *out, uint32_t number, uint64_t value) {
  if (value == 0) return;
  put_tag(out, number, WIRE_VARINT);
  put_varint(out, value);
}

void wire_put_bytes(struct wire_out *out, uint32_t number, const void *bytes, size_t length) {
  if (length == 0) return;
  put_tag(out, number, WIRE_BYTES);
  put_varint(out, length);
  put(out, bytes, length);
}

void wire_put_text(struct wire_out *out, uint32_t number, const char *text) { wire_put_bytes(out, number, text, strlen(text)); }

size_t wire_open(struct wire_out *out, uint32_t number) {
  put_tag(out, number, WIRE_BYTES);
  return out->length;
}

void wire_close(struct wire_out *out, size_t mark) {
  unsigned char bytes[10];
  if (out->full) return;
  size_t length = out->length - mark, size = varint(bytes, length);
  if (size > out->size - out->length) {
    out->full = true;
    return;
  }
  memmove(out->bytes + mark + size, out->bytes + mark, length);
  memcpy(out->bytes + mark, bytes, size);
  out->length += size;
}
