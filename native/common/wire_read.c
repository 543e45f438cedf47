#include "common/wire.h"

bool wire_varint(struct view *rest, uint64_t *value) {
  *value = 0;
  for (unsigned int i = 0; i < 10; i++) {
    if (rest->length == 0) return false;
    unsigned char byte = *rest->at++;
    rest->length--;
    /* The tenth byte has one bit of the 64 left. */
    if (i == 9 && byte > 1) return false;
    *value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

static bool fixed(struct view *rest, size_t size, uint64_t *value) {
  if (rest->length < size) return false;
  *value = 0;
  for (size_t i = 0; i < size; i++) *value |= (uint64_t)rest->at[i] << (8 * i);
  rest->at += size;
  rest->length -= size;
  return true;
}

enum wire_step wire_next(struct view *rest, struct wire_field *field) {
  uint64_t tag, length;
  if (rest->length == 0) return WIRE_END;
  if (!wire_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return WIRE_BROKEN;
  *field = (struct wire_field){.number = (uint32_t)(tag >> 3), .type = (enum wire_type)(tag & 7)};
  switch (field->type) {
    case WIRE_VARINT: return wire_varint(rest, &field->value) ? WIRE_FIELD : WIRE_BROKEN;
    case WIRE_FIXED64: return fixed(rest, 8, &field->value) ? WIRE_FIELD : WIRE_BROKEN;
    case WIRE_FIXED32: return fixed(rest, 4, &field->value) ? WIRE_FIELD : WIRE_BROKEN;
    case WIRE_BYTES:
      if (!wire_varint(rest, &length) || length > rest->length) return WIRE_BROKEN;
      field->bytes = (struct view){rest->at, (size_t)length};
      rest->at += length;
      rest->length -= (size_t)length;
      return WIRE_FIELD;
    default: return WIRE_BROKEN; /* groups were never a part of proto3 */
  }
}

bool wire_valid(struct view message) {
  struct wire_field field;
  enum wire_step step;
  while ((step = wire_next(&message, &field)) == WIRE_FIELD) continue;
  return step == WIRE_END;
}

static bool last_of(struct view message, uint32_t number, struct wire_field *found) {
  struct wire_field field;
  bool any = false;
  while (wire_next(&message, &field) == WIRE_FIELD) {
    if (field.number != number) continue;
    *found = field;
    any = true;
  }
  return any;
}

uint64_t wire_number(struct view message, uint32_t number) {
  struct wire_field field;
  return last_of(message, number, &field) && field.type != WIRE_BYTES ? field.value : 0;
}

struct view wire_bytes(struct view message, uint32_t number) {
  struct wire_field field;
  if (!last_of(message, number, &field) || field.type != WIRE_BYTES) return (struct view){message.at, 0};
  return field.bytes;
}

bool wire_has(struct view message, uint32_t number) {
  struct wire_field field;
  return last_of(message, number, &field);
}

bool wire_each(struct view *rest, uint32_t number, struct view *bytes) {
  struct wire_field field;
  while (wire_next(rest, &field) == WIRE_FIELD) {
    if (field.number != number || field.type != WIRE_BYTES) continue;
    *bytes = field.bytes;
    return true;
  }
  return false;
}
