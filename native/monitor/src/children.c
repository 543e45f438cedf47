#include "tools.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 3000

static void kill_listed(const char *path) {
  char text[4096];
  /* More than fit are met in the next round: the first ones are gone by then. */
  if (read_text(AT_FDCWD, path, text, sizeof text) <= 0) return;
  char *end;
  for (char *at = text;; at = end) {
    long pid = strtol(at, &end, 10);
    /* A number that is cut off at the end of the buffer is not followed by a space. */
    if (end == at || *end != ' ') return;
    if (pid > 1) kill((pid_t)pid, SIGKILL);
  }
}

void children_kill_of(pid_t pid) {
  char path[96];
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *threads = opendir(path);
  if (threads == NULL) return;
  for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
    long thread = strtol(entry->d_name, NULL, 10);
    if (thread < 1) continue;
    snprintf(path, sizeof path, "/proc/%d/task/%ld/children", (int)pid, thread);
    kill_listed(path);
  }
  closedir(threads);
}

void children_kill(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  for (int64_t deadline = now_ms() + LIMIT_MS; now_ms() < deadline;) {
    kill_listed(path);
    pid_t reaped;
    while ((reaped = waitpid(-1, NULL, WNOHANG)) > 0) continue;
    if (reaped < 0 && errno == ECHILD) return;
    /* The children of what was killed become ours only now: look again. */
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  }
}
