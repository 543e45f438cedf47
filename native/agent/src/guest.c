/* What concerns the machine as a whole. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SEED_MAX 4096
#define MEMORY "/sys/devices/system/memory"

/* GuestDetailsRequest{mem_block_size = 1, mem_hotplug_probe = 2} */
bool guest_details(uint32_t stream, struct view request) {
  static const char *const handlers[] = {"blk", "overlayfs", "virtio-fs"};
  char text[64];
  struct wire_out *out = answer_begin();
  if (wire_number(request, 1) != 0 && read_text(-1, MEMORY "/block_size_bytes", text, sizeof text) > 0) wire_put_number(out, 1, strtoull(text, NULL, 16));
  size_t details = wire_open(out, 2);
  wire_put_text(out, 1, SLIPWAY_VERSION);
  wire_put_number(out, 2, 1);
  for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) wire_put_text(out, 4, handlers[i]);
  wire_close(out, details);
  if (wire_number(request, 2) != 0) wire_put_number(out, 3, access(MEMORY "/probe", W_OK) == 0);
  answer_end(stream);
  return true;
}

/* Sec = 1, Usec = 2 */
bool guest_set_time(uint32_t stream, struct view request) {
  uint64_t seconds = wire_number(request, 1), microseconds = wire_number(request, 2);
  if (seconds > INT32_MAX * 1024ull || microseconds > 999999) return fail(CODE_INVALID_ARGUMENT, "this is no time");
  struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)microseconds * 1000};
  if (clock_settime(CLOCK_REALTIME, &time) < 0) return fail_errno("set the clock");
  answer_empty(stream);
  return true;
}

/* data = 2. Without the second step the pool would be mixed in when the kernel feels like it: clones would draw the same numbers until then. */
bool guest_reseed(uint32_t stream, struct view request) {
  struct {
    struct rand_pool_info info;
    unsigned char bytes[SEED_MAX];
  } seed;
  struct view data = wire_bytes(request, 2);
  if (data.length == 0 || data.length > SEED_MAX) return fail(CODE_INVALID_ARGUMENT, "%zu random bytes; 1 to %d are taken", data.length, SEED_MAX);
  seed.info.entropy_count = (int)data.length * 8;
  seed.info.buf_size = (int)data.length;
  memcpy(seed.bytes, data.at, data.length);
  int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  bool done = fd >= 0 && ioctl(fd, (int)RNDADDENTROPY, &seed) == 0 && ioctl(fd, RNDRESEEDCRNG) == 0;
  if (!done) fail_errno("reseed the random numbers");
  if (fd >= 0) close(fd);
  explicit_bzero(&seed, sizeof seed);
  if (done) answer_empty(stream);
  return done;
}
