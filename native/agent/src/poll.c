#include "agent.h"

void poll_add(struct poll_set *set, int fd, short events) {
  if (fd < 0 || set->count == POLL_MAX) return;
  set->entries[set->count++] = (struct pollfd){.fd = fd, .events = events};
}

void poll_wake_at(struct poll_set *set, int64_t deadline) {
  if (set->deadline < 0 || deadline < set->deadline) set->deadline = deadline;
}
