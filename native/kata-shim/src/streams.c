#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * O_NONBLOCK belongs to the open file, which others may share. So a pipe or terminal is opened once more, as an open file of our own.
 */
int stream_own(int fd, int access) {
  struct stat info;
  if (fstat(fd, &info) < 0) return -1;
  if (!S_ISFIFO(info.st_mode) && !(S_ISCHR(info.st_mode) && isatty(fd))) return fd;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int own = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (own < 0) return fd;
  /* In its place, so that nothing else comes there. */
  bool moved = dup3(own, fd, O_CLOEXEC) >= 0;
  close(own);
  return moved ? fd : -1;
}

static bool is_socket(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

static bool ready(int fd, short events) {
  struct pollfd entry = {.fd = fd, .events = events};
  return poll(&entry, 1, 0) > 0;
}

ssize_t stream_read(int fd, void *bytes, size_t size) {
  if (!ready(fd, POLLIN)) {
    errno = EAGAIN;
    return -1;
  }
  return read(fd, bytes, size);
}

ssize_t stream_write(int fd, const void *bytes, size_t length) {
  if (is_socket(fd)) return send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if ((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0) return write(fd, bytes, length);
  if (!ready(fd, POLLOUT)) {
    errno = EAGAIN;
    return -1;
  }
  /* A pipe that is ready takes at least this much without waiting. */
  return write(fd, bytes, length < PIPE_BUF ? length : PIPE_BUF);
}
