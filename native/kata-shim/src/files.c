#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 64

void close_one(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* Ours are closed by execve, all of them. */
void close_inherited(void) {
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) return;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    long fd;
    if (!number_of(entry->d_name, STREAMS, INT_MAX, &fd)) continue;
    int flags = fcntl((int)fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) close((int)fd);
  }
  closedir(folder);
}

bool never_wait(int fd) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0; }

bool write_all(int fd, const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t sent = write(fd, at, length);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += sent;
    length -= (size_t)sent;
  }
  return true;
}

bool write_text(int folder, const char *path, const char *text) {
  int fd = openat(folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  bool written = write_all(fd, text, strlen(text));
  return close(fd) == 0 && written;
}

/* An address has room for 107 bytes of path. */
int connect_by_path(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char folder[4096], name[4096];
  if (!copy(folder, sizeof folder, path) || !copy(name, sizeof name, path)) return -1;
  int in = open(dirname(folder), O_PATH | O_DIRECTORY | O_CLOEXEC);
  int length = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", in, basename(name));
  int fd = in < 0 || length < 0 || (size_t)length >= sizeof address.sun_path ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) close_one(&fd);
  close_one(&in);
  return fd;
}

/* By the name of an open folder, for the same reason. */
int listen_in(int folder, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
  int fd = length < 0 || (size_t)length >= sizeof address.sun_path ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  mode_t before = umask(0177);
  bool listening = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, LISTEN_BACKLOG) == 0;
  umask(before);
  if (!listening) close_one(&fd);
  return fd;
}
