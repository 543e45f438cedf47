/* Protocol Buffers: reading with views into the received bytes, without a copy, and writing into a buffer that is given. */
#ifndef SLIPWAY_WIRE_H
#define SLIPWAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view {
  const unsigned char *at;
  size_t length;
};

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_field {
  uint32_t number;
  enum wire_type type;
  uint64_t value;    /* of all but bytes */
  struct view bytes; /* of bytes */
};

enum wire_step { WIRE_FIELD, WIRE_END, WIRE_BROKEN };

/* ---- wire_read.c ---- */

/* Takes the next field from the front of the message. */
enum wire_step wire_next(struct view *rest, struct wire_field *field);
/* Whether the fields can be told apart, to the end. Those below are not looked into. */
bool wire_valid(struct view message);
bool wire_varint(struct view *rest, uint64_t *value);

/* The last of that number, as proto3 has it; of messages that are valid. Zero, or an empty view, when there is none. */
uint64_t wire_number(struct view message, uint32_t number);
struct view wire_bytes(struct view message, uint32_t number);
bool wire_has(struct view message, uint32_t number);
/* The next of a repeated field: `rest` begins as the whole message. */
bool wire_each(struct view *rest, uint32_t number, struct view *bytes);

/* ---- wire_write.c ---- */

struct wire_out {
  unsigned char *bytes;
  size_t size, length;
  bool full; /* something did not fit: what is there is no message */
};

/* Zero and empty values are left out, as proto3 has it. */
void wire_put_number(struct wire_out *out, uint32_t number, uint64_t value);
void wire_put_bytes(struct wire_out *out, uint32_t number, const void *bytes, size_t length);
void wire_put_text(struct wire_out *out, uint32_t number, const char *text);
/* A message within: what is put until the end is in it. The mark goes to wire_close. */
size_t wire_open(struct wire_out *out, uint32_t number);
void wire_close(struct wire_out *out, size_t mark);

#endif
