#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool copy(char *to, size_t size, const char *from) { return (size_t)snprintf(to, size, "%s", from) < size; }

bool print(char *to, size_t size, const char *format, ...) {
  va_list values;
  va_start(values, format);
  int length = vsnprintf(to, size, format, values);
  va_end(values);
  return length >= 0 && (size_t)length < size;
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

bool write_text(int folder, const char *path, const char *text) {
  int fd = openat(folder, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  size_t length = strlen(text);
  bool written = write(fd, text, length) == (ssize_t)length;
  int error = errno;
  close(fd);
  errno = error;
  return written;
}

void trim(char *text) {
  size_t length = strlen(text);
  while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' ')) text[--length] = '\0';
}

int64_t number_after(const char *lines, const char *word) {
  size_t length = strlen(word);
  for (const char *at = lines; at != NULL && *at != '\0'; at = strchr(at, '\n'), at = at == NULL ? NULL : at + 1) {
    if (strncmp(at, word, length) == 0 && at[length] == ' ') return strtoll(at + length, NULL, 10);
  }
  return -1;
}

bool number_of(const char *text, long minimum, long maximum, long *number) {
  char *end;
  errno = 0;
  *number = strtol(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && *number >= minimum && *number <= maximum;
}
