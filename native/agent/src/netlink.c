#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool address_parse(const char *text, struct address *address) {
  char host[64];
  const char *slash = strchr(text, '/');
  long prefix;
  print(host, sizeof host, "%.*s", (int)(slash == NULL ? strlen(text) : (size_t)(slash - text)), text);
  address->family = strchr(host, ':') == NULL ? AF_INET : AF_INET6;
  address->length = address->family == AF_INET ? 4 : 16;
  prefix = (long)address->length * 8;
  bool valid = inet_pton(address->family, host, address->bytes) == 1 && (slash == NULL || number_of(slash + 1, 0, prefix, &prefix));
  address->prefix = (int)prefix;
  return valid || fail(CODE_INVALID_ARGUMENT, "\"%s\" is no address", text);
}

void *netlink_begin(struct netlink *message, uint16_t type, uint16_t flags, size_t size) {
  memset(message, 0, sizeof *message);
  message->header = (struct nlmsghdr){.nlmsg_len = (uint32_t)NLMSG_LENGTH(size), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
  return NLMSG_DATA(&message->header);
}

void netlink_put(struct netlink *message, uint16_t type, const void *bytes, size_t length) {
  size_t at = NLMSG_ALIGN(message->header.nlmsg_len);
  if (at + RTA_SPACE(length) > sizeof *message) return;
  struct rtattr attribute = {.rta_type = type, .rta_len = (unsigned short)RTA_LENGTH(length)};
  memcpy((char *)message + at, &attribute, sizeof attribute);
  memcpy((char *)message + at + RTA_LENGTH(0), bytes, length);
  message->header.nlmsg_len = (uint32_t)(at + RTA_LENGTH(length));
}

static int open_socket(const struct netlink *message) {
  struct timeval limit = {.tv_sec = 5};
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (send(fd, message, message->header.nlmsg_len, 0) >= 0) return fd;
  close(fd);
  return -1;
}

bool netlink_send(struct netlink *message) {
  static _Alignas(struct nlmsghdr) char bytes[32768];
  message->header.nlmsg_flags |= NLM_F_ACK;
  int fd = open_socket(message), error = fd < 0 ? errno : -1;
  while (error < 0) {
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got < 0) error = errno;
    size_t left = got < 0 ? 0 : (size_t)got;
    for (const struct nlmsghdr *at = (const struct nlmsghdr *)bytes; error < 0 && NLMSG_OK(at, left); at = NLMSG_NEXT(at, left)) {
      if (at->nlmsg_type == NLMSG_ERROR) error = -((const struct nlmsgerr *)NLMSG_DATA(at))->error;
    }
  }
  if (fd >= 0) close(fd);
  errno = error;
  return error == 0;
}
