/* Requests to the kernel's routing part (rtnetlink(7)), one at a time, each acknowledged. */
#ifndef SLIPWAY_AGENT_NETLINK_H
#define SLIPWAY_AGENT_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "base.h"

struct netlink {
  struct nlmsghdr header;
  char bytes[1024];
};

struct address {
  int family, prefix;
  size_t length;
  unsigned char bytes[16];
};

/* `ADDRESS`, or `ADDRESS/PREFIX`; the prefix is that of a single host if none is said. */
bool address_parse(const char *text, struct address *address);

/* Begins with a message of that kind and its fixed part, which is zeroed and comes back. */
void *netlink_begin(struct netlink *message, uint16_t type, uint16_t flags, size_t size);
void netlink_put(struct netlink *message, uint16_t type, const void *bytes, size_t length);
/* False with errno: the kernel's. */
bool netlink_send(struct netlink *message);

#endif
