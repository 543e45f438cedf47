#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static bool send_descriptor(int socket_fd, int fd, const char *name) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } room = {0};
  struct iovec part = {.iov_base = (void *)(uintptr_t)name, .iov_len = strlen(name)};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof room.bytes};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return sendmsg(socket_fd, &message, MSG_NOSIGNAL) > 0;
}

/* The guest's terminal does all that a terminal does; ours passes bytes. */
static bool make_raw(int slave) {
  struct termios settings;
  if (tcgetattr(slave, &settings) < 0) return false;
  cfmakeraw(&settings);
  return tcsetattr(slave, TCSANOW, &settings) == 0;
}

const char *terminal_make(const char *console_socket) {
  char name[64];
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, name, sizeof name) != 0) return "making a terminal";
  int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0 || !make_raw(slave)) return "opening the terminal";
  /* Its size and its end are told by signals to the session that it belongs to. */
  if (ioctl(slave, TIOCSCTTY, 0) < 0) return "TIOCSCTTY";
  int to = connect_by_path(console_socket);
  if (to < 0 || !send_descriptor(to, master, "/dev/ptmx")) return "sending the terminal";
  close(to);
  close(master);
  for (int stream = 0; stream < STREAMS; stream++) {
    if (dup2(slave, stream) < 0) return "dup2";
  }
  close(slave);
  return NULL;
}

bool terminal_size(unsigned short *rows, unsigned short *columns) {
  struct winsize size;
  if (ioctl(STREAM_IN, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0) return false;
  *rows = size.ws_row;
  *columns = size.ws_col;
  return true;
}
