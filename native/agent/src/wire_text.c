#include "wire.h"

#include <string.h>

bool wire_text(struct view bytes, const char *what, char *text, size_t size) {
  text[0] = '\0';
  if (bytes.length >= size) return fail(CODE_INVALID_ARGUMENT, "%s has %zu bytes; the limit is %zu", what, bytes.length, size - 1);
  if (bytes.length > 0 && memchr(bytes.at, '\0', bytes.length) != NULL) return fail(CODE_INVALID_ARGUMENT, "%s has a NUL in it", what);
  if (bytes.length > 0) memcpy(text, bytes.at, bytes.length);
  text[bytes.length] = '\0';
  return true;
}
