/* The verbs of the creator, before the creation. */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOVE_FROM_EMPTY_PATH 0x4 /* MOVE_MOUNT_F_EMPTY_PATH of linux/mount.h, which not every libc lets us include */
#define LOG_BYTES_MAX 0x7fffffffffffl
#define PERIOD_MAX_MS 2592000000l

static int failed_with;
static const char *failed_call;

int settings_error(const char **what) {
  *what = failed_call;
  return failed_with;
}

static const char *failed(const char *call) {
  failed_with = errno;
  failed_call = call;
  return call;
}

/* folder, dies with its parent, is a process in a container that is there, its input is fed by whoever attaches */
static const char *set_up(struct container *container, const struct frame *frame) {
  long dies, exec, attached;
  if (container->set_up) return "it is set up already";
  if (frame->count != 6 || !number_of(frame->strings[3], 0, 1, &dies) || !number_of(frame->strings[4], 0, 1, &exec) ||
      !number_of(frame->strings[5], 0, 1, &attached))
    return "setup has wrong arguments";
  if (chdir(frame->strings[2]) < 0) return failed("chdir");
  if (!clients_listen(&container->clients)) return failed("monitor.sock");
  container->dies_with_parent = dies == 1;
  container->exec = container->fleeting = exec == 1;
  if (attached == 1) container->stdio.input = INPUT_ATTACHED;
  container->set_up = true;
  return NULL;
}

/* delete, start or probe; time limit in ms, argv */
static const char *command(struct container *container, const struct frame *frame) {
  long limit;
  if (frame->count < 5 || !number_of(frame->strings[3], 1, LIMIT_MAX_MS, &limit)) return "command has wrong arguments";
  const char *name = frame->strings[2];
  struct command *which = strcmp(name, "delete") == 0  ? &container->deletion
                          : strcmp(name, "start") == 0 ? &container->starting
                          : strcmp(name, "probe") == 0 ? &container->health.command
                                                       : NULL;
  if (which == NULL) return "there is no such command";
  command_set(which, frame->strings + 4, limit);
  return NULL;
}

/* folder, is fleeting, size and number of the log files (0: none are kept), restart policy, its maximum, file of events, id */
static const char *supervise(struct container *container, const struct frame *frame) {
  long fleeting, bytes, files, maximum;
  enum restart_policy policy;
  if (container->record_folder != AT_FDCWD) return "it is supervised already";
  if (frame->count != 10 || !number_of(frame->strings[3], 0, 1, &fleeting) || !number_of(frame->strings[4], 0, LOG_BYTES_MAX, &bytes) ||
      !number_of(frame->strings[5], 0, 10000, &files) || !restart_policy_of(frame->strings[6], &policy) ||
      !number_of(frame->strings[7], 0, 0x7fffffff, &maximum) ||
      !copy(container->events.path, sizeof container->events.path, frame->strings[8]) ||
      !copy(container->events.id, sizeof container->events.id, frame->strings[9]))
    return "supervise has wrong arguments";
  int folder = open(frame->strings[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return failed("open");
  container->record_folder = folder;
  container->fleeting = fleeting == 1;
  container->restart.policy = policy;
  container->restart.maximum = maximum;
  container->stdio.has_more_runs = policy != RESTART_NEVER;
  if (files > 0) log_open(&container->sinks.log, folder, bytes, files);
  return NULL;
}

/* number of the environment's strings, these, argv */
static const char *after_end(struct container *container, const struct frame *frame) {
  long environment;
  if (frame->count < 4 || !number_of(frame->strings[2], 0, FRAME_STRINGS, &environment) || (size_t)environment + 4 > frame->count)
    return "after-end has wrong arguments";
  command_set(&container->after_end.command, frame->strings + 3, 0);
  container->after_end.environment = (size_t)environment;
  return NULL;
}

/* interval, start period, interval in it, in ms; retries */
static const char *health(struct container *container, const struct frame *frame) {
  long interval, period, start_interval, retries;
  if (frame->count != 6 || !number_of(frame->strings[2], 1, PERIOD_MAX_MS, &interval) ||
      !number_of(frame->strings[3], 0, PERIOD_MAX_MS, &period) || !number_of(frame->strings[4], 1, PERIOD_MAX_MS, &start_interval) ||
      !number_of(frame->strings[5], 1, 1000000, &retries))
    return "health has wrong arguments";
  container->health.interval_ms = interval;
  container->health.start_period_ms = period;
  container->health.start_interval_ms = start_interval;
  container->health.retries = retries;
  return NULL;
}

/* descriptor of a detached mount tree, directory */
static const char *attach_tree(const struct frame *frame) {
  long fd;
  if (frame->count != 4 || !number_of(frame->strings[2], 4, 1023, &fd)) return "mount has wrong arguments";
  long moved = syscall(SYS_move_mount, (int)fd, "", AT_FDCWD, frame->strings[3], MOVE_FROM_EMPTY_PATH);
  const char *reason = moved < 0 ? failed("move_mount") : NULL;
  close((int)fd);
  return reason;
}

/* directory; not mounted is as good */
static const char *unmount(const struct frame *frame) {
  if (frame->count != 3) return "unmount has wrong arguments";
  bool gone = umount2(frame->strings[2], MNT_DETACH) == 0 || errno == EINVAL || errno == ENOENT;
  return gone ? NULL : failed("umount2");
}

/* a process of the container that this one is made in */
static const char *memory(struct container *container, const struct frame *frame) {
  long pid;
  if (frame->count != 3 || !number_of(frame->strings[2], 1, 0x7fffffff, &pid)) return "memory has wrong arguments";
  oom_open(&container->oom, (pid_t)pid);
  return NULL;
}

const char *settings_request(struct container *container, const struct frame *frame, bool *known) {
  const char *verb = frame->strings[0];
  failed_with = 0;
  failed_call = "";
  *known = true;
  bool is_settings = strcmp(verb, "setup") == 0 || strcmp(verb, "command") == 0 || strcmp(verb, "supervise") == 0 ||
                     strcmp(verb, "health") == 0 || strcmp(verb, "after-end") == 0 || strcmp(verb, "mount") == 0 ||
                     strcmp(verb, "unmount") == 0 || strcmp(verb, "memory") == 0;
  bool is_start = strcmp(verb, "command") == 0 && frame->count > 2 && strcmp(frame->strings[2], "start") == 0;
  if (is_settings && container->create_tried && !(is_start && !container->was_started)) return "it is created already";
  if (strcmp(verb, "setup") == 0) return set_up(container, frame);
  if (strcmp(verb, "command") == 0) return command(container, frame);
  if (strcmp(verb, "supervise") == 0) return supervise(container, frame);
  if (strcmp(verb, "health") == 0) return health(container, frame);
  if (strcmp(verb, "after-end") == 0) return after_end(container, frame);
  if (strcmp(verb, "memory") == 0) return memory(container, frame);
  if (strcmp(verb, "mount") == 0) return attach_tree(frame);
  if (strcmp(verb, "unmount") == 0) return unmount(frame);
  *known = false;
  return NULL;
}
