#include "json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool json_flush(struct json *json) {
  for (size_t at = 0; !json->failed && at < json->length;) {
    ssize_t written = write(json->fd, json->buffer + at, json->length - at);
    if (written > 0) {
      at += (size_t)written;
    } else if (written == 0 || errno != EINTR) {
      json->failed = true;
      fail_errno("write JSON");
    }
  }
  json->length = 0;
  return !json->failed;
}

static void put(struct json *json, const void *bytes, size_t length) {
  for (const char *at = bytes; length > 0;) {
    if (json->length == sizeof json->buffer) json_flush(json);
    size_t part = sizeof json->buffer - json->length;
    if (part > length) part = length;
    memcpy(json->buffer + json->length, at, part);
    json->length += part;
    at += part;
    length -= part;
  }
}

void json_raw(struct json *json, const char *text) { put(json, text, strlen(text)); }

void json_number(struct json *json, uint64_t value, bool is_signed) {
  char text[24];
  if (is_signed) {
    snprintf(text, sizeof text, "%" PRId64, (int64_t)value);
  } else {
    snprintf(text, sizeof text, "%" PRIu64, value);
  }
  json_raw(json, text);
}

/* Bytes of the UTF-8 character at the front; 0: there is none. */
static size_t utf8_length(struct view text) {
  const unsigned char *at = text.at;
  size_t length = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 : (at[0] & 0xf0) == 0xe0 ? 3 : at[0] >= 0xf0 && at[0] < 0xf5 ? 4 : 0;
  if (length > text.length) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
  }
  bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
  bool out_of_range = (at[0] == 0xed && at[1] >= 0xa0) || (at[0] == 0xf4 && at[1] >= 0x90);
  return overlong || out_of_range ? 0 : length;
}

bool json_string(struct json *json, struct view text) {
  char escape[8];
  put(json, "\"", 1);
  while (text.length > 0) {
    size_t length = utf8_length(text);
    unsigned char first = *text.at;
    if (length == 0) return fail(CODE_INVALID_ARGUMENT, "a string of the specification is not UTF-8");
    if (first == '\0') return fail(CODE_INVALID_ARGUMENT, "a string of the specification has a NUL in it");
    if (first == '"' || first == '\\') {
      put(json, (char[]){'\\', (char)first}, 2);
    } else if (first < 0x20 || first == 0x7f) {
      snprintf(escape, sizeof escape, "\\u%04x", first);
      json_raw(json, escape);
    } else {
      put(json, text.at, length);
    }
    text.at += length;
    text.length -= length;
  }
  put(json, "\"", 1);
  return true;
}
