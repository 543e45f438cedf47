/* What the client asks for. One tool runs at a time; the client sends its requests one after the other. */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOVE_FROM_EMPTY_PATH 0x4 /* MOVE_MOUNT_F_EMPTY_PATH of linux/mount.h, which not every libc lets us include */
#define LIMIT_MAX_MS 3600000

void reply_ok(struct container *container, const char *id, const char *value) {
  control_send(&container->control, "ok", id, value, NULL);
}

void reply_failed(struct container *container, const char *id, const char *kind, long value, const char *text) {
  char number[24];
  snprintf(number, sizeof number, "%ld", value);
  control_send(&container->control, "failed", id, kind, number, text, NULL);
}

static bool number_of(const char *text, long minimum, long maximum, long *number) {
  char *end;
  errno = 0;
  *number = strtol(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && *number >= minimum && *number <= maximum;
}

static bool copy(char *to, size_t size, const char *from) {
  return (size_t)snprintf(to, size, "%s", from) < size;
}

/* folder, dies-with-parent, time limit and argv of the deletion */
static const char *set_up(struct container *container, const struct frame *frame) {
  long dies, limit;
  if (container->set_up) return "is set up already";
  if (frame->count < 6 || !number_of(frame->strings[3], 0, 1, &dies) || !number_of(frame->strings[4], 1, LIMIT_MAX_MS, &limit))
    return "has wrong arguments";
  if (chdir(frame->strings[2]) < 0) return strerror(errno);
  size_t used = 0, count = 0;
  for (char *const *string = frame->strings + 5; *string != NULL; string++) {
    size_t size = strlen(*string) + 1;
    container->delete_argv[count++] = memcpy(container->delete_strings + used, *string, size);
    used += size;
  }
  container->delete_argv[count] = NULL;
  container->delete_limit_ms = limit;
  container->dies_with_parent = dies == 1;
  container->set_up = true;
  return NULL;
}

/* descriptor of a detached mount tree, directory */
static void attach(struct container *container, const struct frame *frame) {
  long fd;
  if (frame->count != 4 || !number_of(frame->strings[2], 4, 1023, &fd)) {
    reply_failed(container, frame->strings[1], "state", 0, "mount has wrong arguments");
    return;
  }
  long moved = syscall(SYS_move_mount, (int)fd, "", AT_FDCWD, frame->strings[3], MOVE_FROM_EMPTY_PATH);
  int error = errno;
  close((int)fd);
  if (moved < 0) {
    reply_failed(container, frame->strings[1], "errno", error, "move_mount");
  } else {
    reply_ok(container, frame->strings[1], "");
  }
}

static void run(struct container *container, const char *id, enum running which, int error, const char *what) {
  if (error != 0) {
    reply_failed(container, id, "errno", error, what);
    return;
  }
  container->running = which;
  copy(container->request, sizeof container->request, id);
}

/* time limit, pid file, columns and rows (0: no terminal), argv */
static const char *create(struct container *container, const struct frame *frame) {
  long limit, columns, rows;
  const char *what = "create";
  if (!container->set_up || container->create_tried) return "create is not possible now";
  if (frame->count < 7 || !number_of(frame->strings[2], 1, LIMIT_MAX_MS, &limit) ||
      !copy(container->pid_file, sizeof container->pid_file, frame->strings[3]) ||
      !number_of(frame->strings[4], 0, 65535, &columns) || !number_of(frame->strings[5], 0, 65535, &rows))
    return "create has wrong arguments";
  copy(container->columns, sizeof container->columns, frame->strings[4]);
  copy(container->rows, sizeof container->rows, frame->strings[5]);
  container->create_tried = true;
  container->with_terminal = columns > 0;
  int error;
  if (container->with_terminal) {
    error = console_listen(&container->console) ? tool_start_quiet(&container->tool, frame->strings + 6, limit, &what) : errno;
  } else if (!stdio_make_pipes(&container->stdio)) {
    error = errno;
  } else {
    error = tool_start(&container->tool, frame->strings + 6, container->stdio.inner, limit, &what);
    /* The user's program has not run: what is printed until the tool has ended is the tool's. */
    container->tool.output[0] = container->stdio.near[STREAM_OUT];
    container->tool.output[1] = container->stdio.near[STREAM_ERR];
    stdio_close_inner(&container->stdio);
  }
  run(container, frame->strings[1], TOOL_CREATE, error, what);
  return NULL;
}

/* time limit, argv */
static const char *start(struct container *container, const struct frame *frame) {
  long limit;
  const char *what;
  if (!container->was_created || container->was_started || container->exited) return "start is not possible now";
  if (frame->count < 4 || !number_of(frame->strings[2], 1, LIMIT_MAX_MS, &limit)) return "start has wrong arguments";
  int error = tool_start_quiet(&container->tool, frame->strings + 3, limit, &what);
  container->was_started = error == 0;
  run(container, frame->strings[1], TOOL_START, error, what);
  return NULL;
}

static void send_signal(struct container *container, const struct frame *frame) {
  long number;
  if (frame->count != 3 || !number_of(frame->strings[2], 1, 64, &number)) {
    reply_failed(container, frame->strings[1], "state", 0, "signal has wrong arguments");
  } else if (container->init == 0) {
    /* It is reaped nowhere but here: a process that is not reaped keeps its number. */
    reply_failed(container, frame->strings[1], "exited", 0, "there is no process");
  } else if (kill(container->init, (int)number) < 0) {
    reply_failed(container, frame->strings[1], "errno", errno, "kill");
  } else {
    reply_ok(container, frame->strings[1], "");
  }
}

static void resize(struct container *container, const struct frame *frame) {
  if (container->console.master < 0) {
    reply_failed(container, frame->strings[1], "state", 0, "there is no terminal");
  } else if (frame->count != 4 || !terminal_resize(container->console.master, frame->strings[2], frame->strings[3])) {
    reply_failed(container, frame->strings[1], "errno", EINVAL, "resize");
  } else {
    reply_ok(container, frame->strings[1], "");
  }
}

static void refuse(struct container *container, const char *id, const char *reason) {
  if (reason != NULL) reply_failed(container, id, "state", 0, reason);
}

void container_request(struct container *container, const struct frame *frame) {
  const char *verb = frame->strings[0], *id = frame->strings[1];
  bool needs_tool = strcmp(verb, "create") == 0 || strcmp(verb, "start") == 0;
  if (strlen(id) >= sizeof container->request) {
    reply_failed(container, "0", "protocol", 0, "the id of a request is too long");
  } else if (needs_tool && (container->running != TOOL_NONE || container->delete_wanted)) {
    reply_failed(container, id, "state", 0, "another request is being worked on");
  } else if (strcmp(verb, "setup") == 0) {
    const char *reason = set_up(container, frame);
    if (reason == NULL) reply_ok(container, id, "");
    refuse(container, id, reason);
  } else if (strcmp(verb, "mount") == 0) {
    attach(container, frame);
  } else if (strcmp(verb, "create") == 0) {
    refuse(container, id, create(container, frame));
  } else if (strcmp(verb, "start") == 0) {
    refuse(container, id, start(container, frame));
  } else if (strcmp(verb, "signal") == 0) {
    send_signal(container, frame);
  } else if (strcmp(verb, "resize") == 0) {
    resize(container, frame);
  } else if (strcmp(verb, "close-stdin") == 0) {
    relay_end_source(&container->stdio.relays[STREAM_IN]);
    reply_ok(container, id, "");
  } else if (strcmp(verb, "delete") == 0) {
    if (container->delete_wanted) {
      refuse(container, id, "it is being deleted already");
    } else {
      container->delete_wanted = true;
      copy(container->delete_request, sizeof container->delete_request, id);
    }
  } else {
    reply_failed(container, id, "protocol", 0, "unknown verb");
  }
}
