#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool number_of(const char *text, long minimum, long maximum, long *number) {
  char *end;
  errno = 0;
  *number = strtol(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && *number >= minimum && *number <= maximum;
}

bool copy(char *to, size_t size, const char *from) { return (size_t)snprintf(to, size, "%s", from) < size; }

bool print(char *to, size_t size, const char *format, ...) {
  va_list values;
  va_start(values, format);
  int length = vsnprintf(to, size, format, values);
  va_end(values);
  return length >= 0 && (size_t)length < size;
}

void text_add(struct text *text, const char *format, ...) {
  va_list values;
  va_start(values, format);
  size_t room = text->size - text->length;
  int length = vsnprintf(text->bytes + text->length, room, format, values);
  va_end(values);
  text->full = text->full || length < 0 || (size_t)length >= room;
  if (!text->full) text->length += (size_t)length;
}

/* Bytes of the UTF-8 character at `at`; 0 when there is none. NUL ends every check, so nothing is read beyond it. */
static size_t utf8_length(const unsigned char *at) {
  size_t length = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 : (at[0] & 0xf0) == 0xe0 ? 3 : at[0] >= 0xf0 && at[0] < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
  }
  bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
  bool out_of_range = (at[0] == 0xed && at[1] >= 0xa0) || (at[0] == 0xf4 && at[1] >= 0x90);
  return overlong || out_of_range ? 0 : length;
}

void text_add_json(struct text *text, const char *string) {
  text_add(text, "\"");
  for (const unsigned char *at = (const unsigned char *)string; *at != '\0';) {
    size_t length = utf8_length(at);
    if (length == 0) {
      text_add(text, "\\ufffd");
      length = 1;
    } else if (*at == '"' || *at == '\\') {
      text_add(text, "\\%c", *at);
    } else if (*at < 0x20 || *at == 0x7f) {
      text_add(text, "\\u%04x", *at);
    } else {
      text_add(text, "%.*s", (int)length, (const char *)at);
    }
    at += length;
  }
  text_add(text, "\"");
}

void text_add_plain(struct text *text, const char *bytes, size_t length) {
  bool space = false;
  for (size_t i = 0; i < length && !text->full; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    if (byte <= ' ' || byte == 0x7f) {
      space = true;
      continue;
    }
    if (space && text->length > 0) text_add(text, " ");
    space = false;
    text_add(text, "%c", byte < 0x7f ? byte : '?');
  }
}

ssize_t read_text(int folder, const char *path, char *text, size_t size) {
  text[0] = '\0';
  int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return -1;
  size_t length = 0;
  ssize_t got = 0;
  while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0) length += (size_t)got;
  close(fd);
  text[length] = '\0';
  return got < 0 ? -1 : (ssize_t)length;
}
