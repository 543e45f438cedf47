#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int open_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  signal(SIGPIPE, SIG_IGN);
  if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -1;
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int poll_timeout(const struct poll_set *set) {
  if (set->deadline < 0) return -1;
  int64_t left = set->deadline - now_ms();
  return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static bool wait_for_something(int signals) {
  struct poll_set set = {.deadline = -1};
  struct signalfd_siginfo told;
  /* Without a wish it is asked for all the same: poll(2) tells that the host has gone in any case. */
  set.entries[set.count++] = (struct pollfd){.fd = channel_fd(), .events = channel_events()};
  poll_add(&set, signals, POLLIN);
  tools_poll(&set);
  processes_poll(&set);
  containers_poll(&set);
  if (poll(set.entries, set.count, poll_timeout(&set)) < 0 && errno != EINTR) return fail_errno("poll");
  /* Told by reading, too, but for what is not read for lack of room for the answer. */
  if ((set.entries[0].revents & (POLLHUP | POLLERR)) != 0 && !channel_has_room()) return fail(CODE_INTERNAL, "the host has closed the port");
  while (read(signals, &told, sizeof told) == (ssize_t)sizeof told) continue;
  return true;
}

static bool take_requests(void) {
  struct request request;
  failure_clear();
  while (channel_has_room() && !sandbox_is_destroyed()) {
    if (!channel_next(&request)) return failure_last()->code == 0;
    service_take(&request);
    failure_clear();
  }
  return true;
}

bool serve(int port) {
  int signals = open_signals();
  if (signals < 0) return fail_errno("signalfd");
  channel_open(port);
  channel_greet();
  while (!sandbox_is_destroyed() || !channel_is_flushed()) {
    failure_clear();
    if (!channel_step() || !take_requests()) return false;
    tools_reap();
    processes_reap();
    tools_step();
    processes_step();
    containers_step();
    failure_clear();
    bool had_room = channel_has_room();
    if (!channel_flush()) return false;
    bool over = sandbox_is_destroyed() && channel_is_flushed();
    /* Whatever was held up for lack of room has its turn first: nothing else would wake us for it. */
    bool held_up = !had_room && channel_has_room();
    if (!over && !held_up && !wait_for_something(signals)) return false;
  }
  return true;
}
