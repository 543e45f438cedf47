#include "agent.h"
#include "netlink.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

struct route {
  char destination[64], gateway[64], device[IF_NAMESIZE], source[64];
};

static bool read_route(struct view bytes, struct route *route) {
  if (!wire_valid(bytes)) return fail(CODE_INVALID_ARGUMENT, "a route is no message of Protocol Buffers");
  return wire_text(wire_bytes(bytes, 1), "the destination of a route", route->destination, sizeof route->destination) &&
         wire_text(wire_bytes(bytes, 2), "the gateway of a route", route->gateway, sizeof route->gateway) &&
         wire_text(wire_bytes(bytes, 3), "the interface of a route", route->device, sizeof route->device) &&
         wire_text(wire_bytes(bytes, 4), "the source of a route", route->source, sizeof route->source);
}

static bool put_host(struct netlink *message, uint16_t type, const char *text, int family) {
  struct address address;
  if (text[0] == '\0') return true;
  if (!address_parse(text, &address)) return false;
  if (address.family != family) return fail(CODE_INVALID_ARGUMENT, "\"%s\" is of another family than its route", text);
  netlink_put(message, type, address.bytes, address.length);
  return true;
}

/* Route{dest = 1, gateway = 2, device = 3, source = 4, scope = 5, family = 6 (1: v6), flags = 7, mtu = 8, of our own metric = 100}; no destination is the default. */
static bool add(struct view bytes, const struct route *route) {
  struct netlink message;
  struct address destination = {.family = wire_number(bytes, 6) == 1 ? AF_INET6 : AF_INET};
  unsigned int index = if_nametoindex(route->device);
  if (index == 0) return fail(CODE_NOT_FOUND, "there is no interface \"%s\"", route->device);
  bool is_default = route->destination[0] == '\0' || strcmp(route->destination, "default") == 0;
  if (!is_default && !address_parse(route->destination, &destination)) return false;
  struct rtmsg *fixed = netlink_begin(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof *fixed);
  *fixed = (struct rtmsg){.rtm_family = (unsigned char)destination.family,
                          .rtm_dst_len = (unsigned char)destination.prefix,
                          .rtm_table = RT_TABLE_MAIN,
                          .rtm_protocol = RTPROT_STATIC,
                          .rtm_scope = (unsigned char)wire_number(bytes, 5),
                          .rtm_type = RTN_UNICAST,
                          .rtm_flags = (unsigned int)wire_number(bytes, 7)};
  if (!is_default && destination.prefix > 0) netlink_put(&message, RTA_DST, destination.bytes, destination.length);
  netlink_put(&message, RTA_OIF, &index, sizeof index);
  uint32_t metric = (uint32_t)wire_number(bytes, 100);
  if (metric != 0) netlink_put(&message, RTA_PRIORITY, &metric, sizeof metric);
  if (!put_host(&message, RTA_GATEWAY, route->gateway, destination.family) || !put_host(&message, RTA_PREFSRC, route->source, destination.family)) return false;
  uint32_t mtu = (uint32_t)wire_number(bytes, 8);
  if (mtu != 0) {
    struct {
      struct rtattr header;
      uint32_t value;
    } metrics = {{.rta_len = RTA_LENGTH(sizeof mtu), .rta_type = RTAX_MTU}, mtu};
    netlink_put(&message, RTA_METRICS, &metrics, sizeof metrics);
  }
  if (netlink_send(&message)) return true;
  return fail_errno("add the route to \"%s\" by \"%s\" on interface \"%s\"", is_default ? "default" : route->destination, route->gateway, route->device);
}

/* A gateway can be named only once there is a route to it. */
static bool add_all(struct view routes, bool with_gateway) {
  struct view bytes;
  struct route route;
  while (wire_each(&routes, 1, &bytes)) {
    if (!read_route(bytes, &route)) return false;
    if ((route.gateway[0] != '\0') == with_gateway && !add(bytes, &route)) return false;
  }
  return true;
}

/* UpdateRoutesRequest{routes = 1}, Routes{Routes = 1}: they are added to those there are, and answered as they were set. */
bool routes_update(uint32_t stream, struct view request) {
  struct view routes = wire_bytes(request, 1), bytes;
  if (!wire_valid(routes)) return fail(CODE_INVALID_ARGUMENT, "the routes are no message of Protocol Buffers");
  if (!add_all(routes, false) || !add_all(routes, true)) return false;
  struct wire_out *out = answer_begin();
  while (wire_each(&routes, 1, &bytes)) wire_put_bytes(out, 1, bytes.at, bytes.length);
  answer_end(stream);
  return true;
}
