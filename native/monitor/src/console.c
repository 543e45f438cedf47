#include "streams.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_NAME "console.sock"

bool console_listen(struct console *console) {
  console->master = -1;
  console->listener = listen_on(SOCKET_NAME, 1);
  return console->listener >= 0;
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

bool terminal_resize(int master, unsigned long columns, unsigned long rows) {
  if (columns == 0 || columns > 65535 || rows == 0 || rows > 65535) {
    errno = EINVAL;
    return false;
  }
  struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
  return ioctl(master, TIOCSWINSZ, &size) == 0;
}
