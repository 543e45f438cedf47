/* Interfaces: found by their hardware address, as the order of their names is not the order in which they were given. */
#include "agent.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FOLDER "/sys/class/net"

static bool request_of(const char *name, unsigned long number, struct ifreq *request) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  copy(request->ifr_name, sizeof request->ifr_name, name);
  bool done = fd >= 0 && ioctl(fd, (int)number, request) == 0;
  int error = errno;
  if (fd >= 0) close(fd);
  errno = error;
  return done;
}

static bool set_up(const char *name, bool up) {
  struct ifreq request = {0};
  if (!request_of(name, SIOCGIFFLAGS, &request)) return fail_errno("read the flags of interface \"%s\"", name);
  request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  return request_of(name, SIOCSIFFLAGS, &request) || fail_errno("set interface \"%s\" %s", name, up ? "up" : "down");
}

bool loopback_up(void) { return set_up("lo", true); }

static bool attribute(const char *name, const char *file, char *value, size_t size) {
  char path[320];
  snprintf(path, sizeof path, FOLDER "/%.255s/%s", name, file);
  if (read_text(-1, path, value, size) < 0) return false;
  trim(value);
  return true;
}

static bool find(const char *mac, char name[IF_NAMESIZE]) {
  char address[64];
  DIR *links = opendir(FOLDER);
  bool found = false;
  for (struct dirent *entry; links != NULL && !found && (entry = readdir(links)) != NULL;) {
    found = entry->d_name[0] != '.' && attribute(entry->d_name, "address", address, sizeof address) && strcasecmp(address, mac) == 0;
    if (found) copy(name, IF_NAMESIZE, entry->d_name);
  }
  if (links != NULL) closedir(links);
  return found || fail(CODE_NOT_FOUND, "no interface has the address \"%s\"", mac);
}

static bool rename_link(const char *from, const char *to) {
  struct ifreq request = {0};
  copy(request.ifr_newname, sizeof request.ifr_newname, to);
  return request_of(from, SIOCSIFNAME, &request) || fail_errno("rename interface \"%s\" to \"%s\"", from, to);
}

/* Another one may have the name, until its own turn comes. */
static bool give_name(const char *from, const char *to) {
  char aside[IF_NAMESIZE];
  unsigned int other = if_nametoindex(to);
  if (strcmp(from, to) == 0) return true;
  print(aside, sizeof aside, "aside%u", other % 100000);
  return (other == 0 || (set_up(to, false) && rename_link(to, aside))) && rename_link(from, to);
}

/* IPAddress{address = 2, mask = 3}: the mask is the length of the prefix. */
static bool add_address(const char *name, struct view bytes) {
  char text[64], mask[16], whole[96];
  struct address address;
  struct netlink message;
  if (!wire_text(wire_bytes(bytes, 2), "an address", text, sizeof text) || !wire_text(wire_bytes(bytes, 3), "a mask", mask, sizeof mask)) return false;
  print(whole, sizeof whole, mask[0] == '\0' ? "%s" : "%s/%s", text, mask);
  if (!address_parse(whole, &address)) return false;
  struct ifaddrmsg *fixed = netlink_begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof *fixed);
  fixed->ifa_family = (unsigned char)address.family;
  fixed->ifa_prefixlen = (unsigned char)address.prefix;
  fixed->ifa_index = if_nametoindex(name);
  if (address.family == AF_INET6) fixed->ifa_flags = IFA_F_NODAD;
  netlink_put(&message, IFA_LOCAL, address.bytes, address.length);
  netlink_put(&message, IFA_ADDRESS, address.bytes, address.length);
  if (address.family == AF_INET && address.prefix < 31) {
    uint32_t all;
    memcpy(&all, address.bytes, sizeof all);
    all |= htonl(UINT32_MAX >> address.prefix);
    netlink_put(&message, IFA_BROADCAST, &all, sizeof all);
  }
  return netlink_send(&message) || fail_errno("add address \"%s\" to interface \"%s\"", whole, name);
}

static bool add_addresses(const char *name, struct view interface) {
  struct view bytes;
  while (wire_each(&interface, 3, &bytes)) {
    if (!wire_valid(bytes)) return fail(CODE_INVALID_ARGUMENT, "an address is no message of Protocol Buffers");
    if (!add_address(name, bytes)) return false;
  }
  return true;
}

static bool set_mtu(const char *name, uint64_t mtu) {
  struct ifreq request = {.ifr_mtu = (int)mtu};
  if (mtu == 0) return true;
  if (mtu > 65535) return fail(CODE_INVALID_ARGUMENT, "%llu is no MTU", (unsigned long long)mtu);
  return request_of(name, SIOCSIFMTU, &request) || fail_errno("set the MTU of interface \"%s\"", name);
}

/* The network has only those whom the host has let in: nobody else can have an address, and nobody waits until that is sure. A kernel without IPv6 has no such setting. */
static void trust_addresses(const char *name) {
  char path[64 + IF_NAMESIZE];
  print(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_dad", name);
  (void)write_text(-1, path, "0");
}

/* UpdateInterfaceRequest{interface = 1}; Interface{device = 1, name = 2, IPAddresses = 3, mtu = 4, hwAddr = 5}. It is answered with what was set. */
bool interface_update(uint32_t stream, struct view request) {
  char mac[64], name[IF_NAMESIZE], current[IF_NAMESIZE];
  struct view interface = wire_bytes(request, 1);
  if (!wire_valid(interface)) return fail(CODE_INVALID_ARGUMENT, "an interface is no message of Protocol Buffers");
  struct view wanted = wire_bytes(interface, wire_has(interface, 2) ? 2 : 1);
  if (!wire_text(wire_bytes(interface, 5), "hwAddr", mac, sizeof mac) || !wire_text(wanted, "the name of an interface", name, sizeof name)) return false;
  if (!find(mac, current)) return false;
  if (name[0] == '\0') copy(name, sizeof name, current);
  if (!set_up(current, false) || !give_name(current, name) || !set_mtu(name, wire_number(interface, 4))) return false;
  trust_addresses(name);
  if (!set_up(name, true) || !add_addresses(name, interface)) return false;
  struct wire_out *out = answer_begin();
  struct view rest = interface;
  struct wire_field field;
  while (wire_next(&rest, &field) == WIRE_FIELD) {
    if (field.type == WIRE_BYTES) wire_put_bytes(out, field.number, field.bytes.at, field.bytes.length);
    if (field.type == WIRE_VARINT) wire_put_number(out, field.number, field.value);
  }
  answer_end(stream);
  return true;
}
