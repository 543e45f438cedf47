/*
 * What cleans up after the container where nobody is there to do so. It begins when this process is gone: until then we hold
 * the locks that tell everyone, and it, that the container is still somebody's.
 */
#include "tools.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

void after_end_open(struct after_end *after) {
  after->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  after->mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
}

/* They would keep alive what is mounted where our creator was, as long as the container lives. */
void after_end_settle(struct after_end *after) {
  if (command_is_set(&after->command)) return;
  close(after->root);
  close(after->mounts);
  after->root = after->mounts = -1;
}

/* Entering a mount namespace leads to its root, which need not be the one that our creator had. */
static bool go_back(const struct after_end *after) {
  return setns(after->mounts, CLONE_NEWNS) == 0 && fchdir(after->root) == 0 && chroot(".") == 0;
}

static bool nothing_open(void) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  bool ready = null >= 0;
  for (int stream = 0; stream < STREAMS; stream++) ready = ready && dup2(null, stream) >= 0;
  DIR *folder = ready ? opendir("/proc/self/fd") : NULL;
  if (folder == NULL) return false;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    int fd = atoi(entry->d_name);
    if (fd >= STREAMS && fd != dirfd(folder)) close(fd);
  }
  return closedir(folder) == 0;
}

static void become(const struct after_end *after, pid_t parent) {
  static char *environment[FRAME_STRINGS + 1];
  sigset_t gone;
  sigemptyset(&gone);
  /* One that nobody minds: it may come when it is not waited for any more. */
  sigaddset(&gone, SIGURG);
  bool ready = sigprocmask(SIG_BLOCK, &gone, NULL) == 0 && prctl(PR_SET_PDEATHSIG, SIGURG) == 0 && setsid() >= 0;
  /* Our parent waits for the end of this. */
  if (!ready || !go_back(after) || !nothing_open()) _exit(126);
  /* It is sent when the parent's descriptors are closed, and their locks free. */
  if (getppid() == parent) sigwaitinfo(&gone, NULL);
  prctl(PR_SET_PDEATHSIG, 0);
  tool_become_ordinary();
  for (size_t i = 0; i < after->environment; i++) environment[i] = after->command.argv[i];
  execve(after->command.argv[after->environment], after->command.argv + after->environment, environment);
  _exit(127);
}

void after_end_leave(const struct after_end *after) {
  int ends[2];
  char byte;
  if (!command_is_set(&after->command) || pipe2(ends, O_CLOEXEC) < 0) return;
  pid_t parent = getpid();
  if (fork() == 0) become(after, parent);
  close(ends[1]);
  /* Until it has closed what it got of us: else it would hold our locks for a moment longer than we do. */
  while (read(ends[0], &byte, 1) < 0) continue;
}
