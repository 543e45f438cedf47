#include "spec.h"

#include <string.h>

/* Each entry is compared with those after it. */
#define MAP_MAX 4096

static bool write_message(struct json *json, const struct spec_message *message, struct view bytes);

static bool wrong_type(const struct spec_field *field) { return fail(CODE_INVALID_ARGUMENT, "\"%s\" of the specification has another type on the wire", field->name); }

/* 32-bit numbers come sign-extended; the range of unsigned ones is the host's business, as are all values. */
static bool write_value(struct json *json, const struct spec_field *field, const struct wire_field *value) {
  bool is_bytes = value->type == WIRE_BYTES;
  if (is_bytes != (field->kind == SPEC_STRING || field->kind == SPEC_MESSAGE)) return wrong_type(field);
  switch (field->kind) {
    case SPEC_STRING: return json_string(json, value->bytes);
    case SPEC_MESSAGE: return write_message(json, field->message, value->bytes);
    case SPEC_BOOL: json_raw(json, value->value != 0 ? "true" : "false"); return true;
    default: json_number(json, value->value, field->kind == SPEC_INT); return true;
  }
}

/* Numbers of a repeated field may be packed into one run of bytes. */
static bool write_packed(struct json *json, const struct spec_field *field, struct view packed, bool *any) {
  uint64_t value;
  while (packed.length > 0) {
    if (!wire_varint(&packed, &value)) return fail(CODE_INVALID_ARGUMENT, "\"%s\" of the specification is broken", field->name);
    if (*any) json_raw(json, ",");
    *any = true;
    json_number(json, value, field->kind == SPEC_INT);
  }
  return true;
}

static bool write_repeated(struct json *json, const struct spec_field *field, struct view rest) {
  struct wire_field value;
  bool any = false, is_number = field->kind == SPEC_INT || field->kind == SPEC_UINT;
  json_raw(json, "[");
  while (wire_next(&rest, &value) == WIRE_FIELD) {
    if (value.number != field->number) continue;
    if (is_number && value.type == WIRE_BYTES) {
      if (!write_packed(json, field, value.bytes, &any)) return false;
      continue;
    }
    if (any) json_raw(json, ",");
    any = true;
    if (!write_value(json, field, &value)) return false;
  }
  json_raw(json, "]");
  return true;
}

static bool same(struct view a, struct view b) { return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0); }

/* A key that comes again has the last value that came with it: a JSON reader may take the first. */
static bool comes_again(struct view rest, uint32_t number, struct view key) {
  struct view entry;
  while (wire_each(&rest, number, &entry)) {
    if (same(wire_bytes(entry, 1), key)) return true;
  }
  return false;
}

static bool write_map(struct json *json, const struct spec_field *field, struct view rest) {
  struct view entry;
  bool any = false;
  size_t count = 0;
  json_raw(json, "{");
  while (wire_each(&rest, field->number, &entry)) {
    if (!wire_valid(entry)) return fail(CODE_INVALID_ARGUMENT, "\"%s\" of the specification is broken", field->name);
    if (count++ == MAP_MAX) return fail(CODE_INVALID_ARGUMENT, "\"%s\" of the specification has more than %d entries", field->name, MAP_MAX);
    struct view key = wire_bytes(entry, 1);
    if (comes_again(rest, field->number, key)) continue;
    if (any) json_raw(json, ",");
    any = true;
    if (!json_string(json, key)) return false;
    json_raw(json, ":");
    if (!json_string(json, wire_bytes(entry, 2))) return false;
  }
  json_raw(json, "}");
  return true;
}

/* The last one that was sent; what was not sent is zero. */
static struct wire_field value_of(const struct spec_field *field, struct view rest, bool *sent) {
  bool is_bytes = field->kind == SPEC_STRING || field->kind == SPEC_MESSAGE;
  struct wire_field next, last = {.number = field->number, .type = is_bytes ? WIRE_BYTES : WIRE_VARINT, .bytes = {rest.at, 0}};
  *sent = false;
  while (wire_next(&rest, &next) == WIRE_FIELD) {
    if (next.number != field->number) continue;
    last = next;
    *sent = true;
  }
  return last;
}

/* A rule for all devices has no numbers, and those of hosts that know no -1 come as zero. */
static bool is_for_all(struct view rule) {
  struct view type = wire_bytes(rule, 2);
  return type.length == 0 || (type.length == 1 && *type.at == 'a');
}

static bool is_wanted(const struct spec_field *field, const struct wire_field *value, bool sent, struct view bytes) {
  if ((field->flags & SPEC_WILDCARD) != 0) return (int64_t)value->value > 0 || (value->value == 0 && !is_for_all(bytes));
  if ((field->flags & SPEC_ALWAYS) != 0) return true;
  if (field->kind == SPEC_MESSAGE || (field->flags & SPEC_PRESENT) != 0) return sent;
  return value->value != 0 || value->bytes.length > 0;
}

static bool write_field(struct json *json, const struct spec_field *field, struct view bytes, bool *any) {
  struct wire_field value = {0};
  bool many = (field->flags & SPEC_REPEATED) != 0 || field->kind == SPEC_MAP;
  if (many) {
    if (!wire_has(bytes, field->number)) return true;
  } else {
    bool sent;
    value = value_of(field, bytes, &sent);
    if (!is_wanted(field, &value, sent, bytes)) return true;
  }
  if (*any) json_raw(json, ",");
  *any = true;
  json_raw(json, "\"");
  json_raw(json, field->name);
  json_raw(json, "\":");
  if (field->kind == SPEC_MAP) return write_map(json, field, bytes);
  return many ? write_repeated(json, field, bytes) : write_value(json, field, &value);
}

/* As deep as the tables are: no message has itself in it. */
static bool write_message(struct json *json, const struct spec_message *message, struct view bytes) {
  bool any = false;
  if (!wire_valid(bytes)) return fail(CODE_INVALID_ARGUMENT, "the specification is no message of Protocol Buffers");
  json_raw(json, "{");
  for (const struct spec_field *field = message->fields; field->number != 0; field++) {
    if (!write_field(json, field, bytes, &any)) return false;
  }
  json_raw(json, "}");
  return true;
}

bool spec_write(int fd, const struct spec_message *message, struct view bytes) {
  struct json json = {.fd = fd};
  return write_message(&json, message, bytes) && json_flush(&json);
}
