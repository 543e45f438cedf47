/* slipway-monitor LAST_FD: descriptors 0-2 are where the streams lead, 3 is the control channel, 4 to LAST_FD are kept open. */
#include "monitor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define CONTROL_FD 3

static struct container container;

static int fail(const char *what) {
  control_send(&container.clients.each[0].control, "failed", "0", "startup", "0", what, strerror(errno), NULL);
  return 1;
}

/* Whatever else our parent had open by accident would stay open for as long as the container lives. */
static bool close_above(int last) {
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) return false;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    int fd = atoi(entry->d_name);
    if (fd > last && fd != dirfd(folder)) close(fd);
  }
  return closedir(folder) == 0;
}

static bool take_descriptors(const char *last_fd) {
  long last = strtol(last_fd, NULL, 10);
  if (last < CONTROL_FD || last > 1023) {
    errno = EINVAL;
    return false;
  }
  for (int fd = CONTROL_FD; fd <= last; fd++) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return false;
  }
  return close_above((int)last);
}

/* What is mounted here is seen here and below only; what the host unmounts is not held by us. */
static bool own_mounts(void) { return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) == 0; }

/* Killing us for memory would cost a container and free nothing. Without the right to ask for it, it stays as it is. */
static void survive_memory_pressure(void) {
  tool_remember_oom_score();
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t ignored = write(fd, "-999", 4);
  (void)ignored;
  close(fd);
}

static int open_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -1;
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signals(int signals) {
  struct signalfd_siginfo info;
  bool reap = false;
  while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
    reap = reap || info.ssi_signo == SIGCHLD;
    if (info.ssi_signo != SIGTERM) continue;
    container.delete_told = true;
    container_terminate(&container);
  }
  if (reap) lifecycle_reap(&container);
}

static int poll_timeout(const struct poll_set *set) {
  if (set->deadline < 0) return -1;
  int64_t left = set->deadline - now_ms();
  return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

int main(int argc, char *argv[]) {
  container_open(&container, CONTROL_FD);
  if (argc != 2 || !take_descriptors(argv[1])) return fail("descriptors");
  if (setsid() < 0 && errno != EPERM) return fail("setsid");
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) return fail("PR_SET_CHILD_SUBREAPER");
  survive_memory_pressure();
  int signals = open_signals();
  if (signals < 0) return fail("signalfd");
  cgroup_hasten(signals);
  after_end_open(&container.after_end);
  if (!own_mounts()) return fail("unshare(CLONE_NEWNS)");
  if (!stdio_take(&container.stdio, &container.sinks)) return fail("stdio");
  control_send(&container.clients.each[0].control, "hello", "0", PROTOCOL_VERSION, NULL);

  do {
    struct poll_set set = {.deadline = -1};
    poll_add(&set, signals, POLLIN);
    container_poll(&container, &set);
    if (poll(set.entries, set.count, poll_timeout(&set)) < 0 && errno != EINTR) return fail("poll");
    take_signals(signals);
  } while (container_step(&container));
  clients_close_listener(&container.clients);
  if (container_left_alone(&container)) after_end_leave(&container.after_end);
  return 0;
}
