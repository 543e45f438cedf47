#include "common/poll.h"
#include "common/clock.h"

void poll_add(struct poll_set *set, int fd, short events) {
  if (fd < 0 || set->count == POLL_MAX) return;
  set->entries[set->count++] = (struct pollfd){.fd = fd, .events = events};
}

void poll_wake_at(struct poll_set *set, int64_t deadline) {
  if (set->deadline < 0 || deadline < set->deadline) set->deadline = deadline;
}

void poll_wait(struct poll_set *set) {
  int timeout = -1;
  if (set->deadline >= 0) {
    int64_t left = set->deadline - now_ms();
    timeout = left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
  }
  poll(set->entries, set->count, timeout);
  set->count = 0;
  set->deadline = -1;
}
