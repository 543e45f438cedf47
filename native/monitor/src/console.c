#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Relative to the working directory: an absolute path may be longer than the 107 bytes that an address can hold. */
#define SOCKET_NAME "console.sock"

bool console_listen(struct console *console) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET_NAME};
  console->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (console->listener < 0) return false;
  unlink(SOCKET_NAME);
  mode_t before = umask(0177);
  int bound = bind(console->listener, (struct sockaddr *)&address, sizeof address);
  umask(before);
  return bound == 0 && listen(console->listener, 1) == 0;
}

static int receive_descriptor(int connection) {
  char name[4096];
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } room;
  struct iovec part = {.iov_base = name, .iov_len = sizeof name};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof room.bytes};
  if (recvmsg(connection, &message, MSG_CMSG_CLOEXEC) <= 0) return -1;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return -1;
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

void console_accept(struct console *console) {
  if (console->listener < 0 || console->master >= 0) return;
  int connection = accept4(console->listener, NULL, NULL, SOCK_CLOEXEC);
  if (connection < 0) return;
  /* A runtime that connects and then says nothing must not stop us. */
  struct timeval limit = {.tv_sec = 5};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  int fd = receive_descriptor(connection);
  close(connection);
  if (fd < 0) return;
  if (isatty(fd)) {
    console->master = fd;
  } else {
    close(fd);
  }
}

void console_close(struct console *console) {
  if (console->listener >= 0) {
    close(console->listener);
    unlink(SOCKET_NAME);
  }
  console->listener = -1;
}

bool terminal_resize(int master, const char *columns, const char *rows) {
  unsigned long width = strtoul(columns, NULL, 10), height = strtoul(rows, NULL, 10);
  if (width == 0 || width > 65535 || height == 0 || height > 65535) {
    errno = EINVAL;
    return false;
  }
  struct winsize size = {.ws_col = (unsigned short)width, .ws_row = (unsigned short)height};
  return ioctl(master, TIOCSWINSZ, &size) == 0;
}
