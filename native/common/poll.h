/* The set that is filled before each poll(2). */
#ifndef SLIPWAY_POLL_H
#define SLIPWAY_POLL_H

#include <poll.h>
#include <stdint.h>

/* More than any of our programs watches. */
#define POLL_MAX 320

struct poll_set {
  nfds_t count;
  int64_t deadline; /* earliest wish to be woken, of now_ms(); -1 for none */
  struct pollfd entries[POLL_MAX];
};

void poll_add(struct poll_set *set, int fd, short events);
void poll_wake_at(struct poll_set *set, int64_t deadline);
/* Waits for what was added, and forgets it. */
void poll_wait(struct poll_set *set);

#endif
