#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
