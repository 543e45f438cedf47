#include "child.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* <linux/if_tun.h>, which a static libc does not bring. */
#define TUNSETIFF _IOW('T', 202, int)
#define IFF_TAP 0x0002
#define IFF_NO_PI 0x1000
#define IFF_VNET_HDR 0x4000

static int open_here(const char *name) {
  struct ifreq request = {0};
  if (!copy(request.ifr_name, sizeof request.ifr_name, name)) return -1;
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) < 0) close_one(&fd);
  return fd;
}

int tap_open(const char *network, const char *name) {
  int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), other = open(network, O_RDONLY | O_CLOEXEC), fd = -1;
  if (own >= 0 && other >= 0 && setns(other, CLONE_NEWNET) == 0) {
    fd = open_here(name);
    /* Nothing of ours may go on in a network that is not its own. */
    if (setns(own, CLONE_NEWNET) < 0) _exit(126);
  }
  close_one(&own);
  close_one(&other);
  return fd;
}
