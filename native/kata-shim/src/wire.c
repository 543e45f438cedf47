#include "wire.h"

#include <string.h>

enum { WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_FIXED32 = 5 };

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

static void put_raw(struct message *message, uint64_t value) {
  do {
    if (message->length == message->size) {
      message->full = true;
      return;
    }
    message->bytes[message->length++] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>= 7;
  } while (value > 0);
}

void put_varint(struct message *message, unsigned field, uint64_t value) {
  put_raw(message, (uint64_t)field << 3 | WIRE_VARINT);
  put_raw(message, value);
}

void put_bytes(struct message *message, unsigned field, const void *bytes, size_t length) {
  put_raw(message, (uint64_t)field << 3 | WIRE_BYTES);
  put_raw(message, length);
  if (length > message->size - message->length) {
    message->full = true;
    return;
  }
  if (length > 0) memcpy(message->bytes + message->length, bytes, length);
  message->length += length;
}

void put_string(struct message *message, unsigned field, const char *string) { put_bytes(message, field, string, strlen(string)); }

static bool take_varint(const unsigned char **at, size_t *left, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; shift < 64 && *left > 0; shift += 7) {
    unsigned char byte = **at;
    (*at)++;
    (*left)--;
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

static bool take_one(const unsigned char **at, size_t *left, struct field *field, bool *known) {
  uint64_t tag, length = 0;
  if (!take_varint(at, left, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return false;
  *field = (struct field){.number = (unsigned)(tag >> 3)};
  *known = true;
  switch (tag & 7) {
    case WIRE_VARINT:
      return take_varint(at, left, &field->value);
    case WIRE_BYTES:
      if (!take_varint(at, left, &length)) return false;
      field->bytes = *at;
      break;
    case WIRE_FIXED64:
      length = 8;
      *known = false;
      break;
    case WIRE_FIXED32:
      length = 4;
      *known = false;
      break;
    default:
      return false;
  }
  if (length > *left) return false;
  field->length = (size_t)length;
  *at += length;
  *left -= (size_t)length;
  return true;
}

bool field_next(const unsigned char **at, size_t *left, struct field *field, bool *broken) {
  bool known = false;
  while (!known) {
    if (*left == 0) return false;
    if (!take_one(at, left, field, &known)) {
      *broken = true;
      return false;
    }
  }
  return true;
}

size_t request_put(unsigned char *frame, size_t size, uint32_t stream, const char *service, const char *method, const void *payload, size_t length) {
  if (size < HEADER_SIZE) return 0;
  struct message message = {.bytes = frame + HEADER_SIZE, .size = size - HEADER_SIZE};
  put_string(&message, 1, service);
  put_string(&message, 2, method);
  put_bytes(&message, 3, payload, length);
  if (message.full || message.length > FRAME_MAX) return 0;
  header_put(frame, &(struct header){.length = (uint32_t)message.length, .stream = stream, .type = FRAME_REQUEST});
  return HEADER_SIZE + message.length;
}

static bool status_get(const unsigned char *at, size_t left, struct answer *answer) {
  struct field field;
  bool broken = false;
  while (field_next(&at, &left, &field, &broken)) {
    if (field.number == 1 && field.bytes == NULL) {
      answer->failed = field.value != 0;
    } else if (field.number == 2 && field.bytes != NULL) {
      struct text text = {.bytes = answer->error, .size = sizeof answer->error};
      text_add_plain(&text, (const char *)field.bytes, field.length);
    }
  }
  return !broken;
}

bool answer_get(const unsigned char *bytes, size_t length, struct answer *answer) {
  struct field field;
  bool broken = false;
  *answer = (struct answer){.payload = bytes};
  while (field_next(&bytes, &length, &field, &broken)) {
    if (field.number == 1 && field.bytes != NULL && !status_get(field.bytes, field.length, answer)) return false;
    if (field.number == 2 && field.bytes != NULL) {
      answer->payload = field.bytes;
      answer->length = field.length;
    }
  }
  if (answer->failed && answer->error[0] == '\0') copy(answer->error, sizeof answer->error, "the agent says no more");
  return !broken;
}
