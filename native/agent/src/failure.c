#include "base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct failure last;

void failure_clear(void) { last.code = 0; }

const struct failure *failure_last(void) { return &last; }

bool fail(enum code code, const char *format, ...) {
  if (last.code != 0) return false;
  va_list values;
  va_start(values, format);
  vsnprintf(last.text, sizeof last.text, format, values);
  va_end(values);
  last.code = code;
  return false;
}

bool fail_errno(const char *format, ...) {
  int error = errno;
  if (last.code != 0) return false;
  va_list values;
  va_start(values, format);
  int length = vsnprintf(last.text, sizeof last.text, format, values);
  va_end(values);
  if (length >= 0 && (size_t)length < sizeof last.text) {
    snprintf(last.text + length, sizeof last.text - (size_t)length, ": %s", strerror(error));
  }
  last.code = CODE_INTERNAL;
  return false;
}
