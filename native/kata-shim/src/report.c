#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *log_path;
static bool log_is_json;

void report_to(const char *path, bool json) {
  log_path = path;
  log_is_json = json;
}

static void append_to_log(const char *message) {
  char line[3 * REASON_SIZE], time_text[32];
  struct text text = {.bytes = line, .size = sizeof line - 1};
  time_t now = time(NULL);
  struct tm fields;
  strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &fields));
  if (log_is_json) {
    text_add(&text, "{\"level\":\"error\",\"msg\":");
    text_add_json(&text, message);
    text_add(&text, ",\"time\":\"%s\"}\n", time_text);
  } else {
    text_add(&text, "time=\"%s\" level=error msg=", time_text);
    text_add_json(&text, message);
    text_add(&text, "\n");
  }
  if (text.full) return;
  if (log_path == NULL) {
    write_all(STDERR_FILENO, line, text.length);
    return;
  }
  int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  write_all(fd, line, text.length);
  close(fd);
}

static void tell(const char *message) {
  /* Whoever asked for JSON and named no file reads stderr for it: as runc does. */
  if (log_path != NULL || log_is_json) append_to_log(message);
  if (log_path != NULL || !log_is_json) dprintf(STDERR_FILENO, "%s\n", message);
}

int report(const char *format, ...) {
  char message[REASON_SIZE];
  va_list values;
  va_start(values, format);
  vsnprintf(message, sizeof message, format, values);
  va_end(values);
  tell(message);
  return 1;
}

int report_errno(const char *format, ...) {
  char message[REASON_SIZE];
  int error = errno;
  va_list values;
  va_start(values, format);
  int length = vsnprintf(message, sizeof message, format, values);
  va_end(values);
  if (length >= 0 && (size_t)length < sizeof message) snprintf(message + length, sizeof message - (size_t)length, ": %s", strerror(error));
  tell(message);
  return 1;
}
