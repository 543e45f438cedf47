#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FIRST_FREE_FD 16

static bool is_null_device(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3);
}

/*
 * O_NONBLOCK belongs to the open file, which the caller's shell may share. So a pipe or terminal is opened once more,
 * as an open file of our own. The master of a terminal cannot be (that would make another terminal): it stays as it is.
 */
static int own_open_file(int fd, int access) {
  struct stat info;
  if (fstat(fd, &info) < 0) return fd;
  bool terminal = S_ISCHR(info.st_mode) && isatty(fd) && info.st_rdev != makedev(5, 2);
  if (!terminal && !S_ISFIFO(info.st_mode)) return fd;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int own = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (own < 0) return fd;
  close(fd);
  return own;
}

bool stdio_take(struct stdio *stdio, struct sinks *sinks) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return false;
  stdio->input = is_null_device(STREAM_IN) ? INPUT_NULL : INPUT_GIVEN;
  for (int stream = 0; stream < STREAMS; stream++) {
    stdio->inner[stream] = stdio->near[stream] = stdio->outer[stream] = -1;
    relay_open(&stdio->relays[stream], -1, -1);
    stdio->relays[stream].sinks = stream == STREAM_IN ? NULL : sinks;
    stdio->relays[stream].stream = stream;
    if (!is_null_device(stream)) {
      int fd = fcntl(stream, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
      if (fd < 0) return false;
      stdio->outer[stream] = own_open_file(fd, stream == STREAM_IN ? O_RDONLY : O_WRONLY);
    }
    if (dup2(null, stream) < 0) return false;
  }
  return null < STREAMS || close(null) == 0;
}

static bool make_pipe(int *read_end, int *write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  *read_end = ends[0];
  *write_end = ends[1];
  return true;
}

static bool never_wait(int fd) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0; }

bool stdio_make_pipes(struct stdio *stdio) {
  if (stdio->input == INPUT_NULL) {
    stdio->inner[STREAM_IN] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (stdio->inner[STREAM_IN] < 0) return false;
  } else if (!make_pipe(&stdio->inner[STREAM_IN], &stdio->near[STREAM_IN]) || !never_wait(stdio->near[STREAM_IN])) {
    return false;
  }
  for (int stream = STREAM_OUT; stream <= STREAM_ERR; stream++) {
    if (!make_pipe(&stdio->near[stream], &stdio->inner[stream]) || !never_wait(stdio->near[stream])) return false;
  }
  return true;
}

static void close_each(int fds[STREAMS]) {
  for (int stream = 0; stream < STREAMS; stream++) {
    if (fds[stream] >= 0) close(fds[stream]);
    fds[stream] = -1;
  }
}

void stdio_close_inner(struct stdio *stdio) { close_each(stdio->inner); }

static void give(struct relay *relay, int *from, int *to) {
  relay_open(relay, *from, *to);
  *from = *to = -1;
}

static void connect_input(struct stdio *stdio, int *target) {
  struct relay *relay = &stdio->relays[STREAM_IN];
  give(relay, &stdio->outer[STREAM_IN], target);
  relay->ends_with_target = !stdio->has_more_runs;
  relay->held_open = stdio->input == INPUT_ATTACHED;
}

static void connect_output(struct stdio *stdio, int stream, int *source) {
  give(&stdio->relays[stream], source, &stdio->outer[stream]);
  /* The end of a run is not the end of the output. */
  stdio->relays[stream].held_open = stdio->has_more_runs;
}

static bool connect_terminal(struct stdio *stdio, int terminal) {
  int input = fcntl(terminal, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
  int output = fcntl(terminal, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
  if (input < 0 || output < 0 || !never_wait(terminal)) return false;
  if (stdio->input == INPUT_NULL) {
    close(input);
  } else {
    connect_input(stdio, &input);
    stdio->relays[STREAM_IN].to_terminal = true;
  }
  connect_output(stdio, STREAM_OUT, &output);
  stdio->relays[STREAM_OUT].from_terminal = true;
  close_each(stdio->outer);
  return true;
}

bool stdio_connect(struct stdio *stdio, int terminal, bool writers_end_with_readers) {
  if (terminal >= 0) return connect_terminal(stdio, terminal);
  if (stdio->input != INPUT_NULL) connect_input(stdio, &stdio->near[STREAM_IN]);
  for (int stream = STREAM_OUT; stream <= STREAM_ERR; stream++) {
    connect_output(stdio, stream, &stdio->near[stream]);
    stdio->relays[stream].ends_with_target = writers_end_with_readers;
  }
  return true;
}

static void take_back(struct relay *relay, int *kept, int *outer) {
  if (*kept >= 0) *outer = *kept;
  *kept = -1;
  relay_close(relay);
}

void stdio_disconnect(struct stdio *stdio) {
  close_each(stdio->inner);
  close_each(stdio->near);
  take_back(&stdio->relays[STREAM_IN], &stdio->relays[STREAM_IN].from, &stdio->outer[STREAM_IN]);
  for (int stream = STREAM_OUT; stream <= STREAM_ERR; stream++)
    take_back(&stdio->relays[stream], &stdio->relays[stream].to, &stdio->outer[stream]);
  stdio->relays[STREAM_IN].held_open = stdio->input == INPUT_ATTACHED;
}

void stdio_let_go(struct stdio *stdio, bool end_input) {
  struct relay *input = &stdio->relays[STREAM_IN];
  close_each(stdio->outer);
  if (stdio->input == INPUT_GIVEN) {
    bool stays_open = !end_input || input->to_terminal;
    if (stays_open) stdio->input = INPUT_ATTACHED;
    if (input->to >= 0) {
      if (stays_open) input->held_open = true;
      if (input->from >= 0) close(input->from);
      input->from = -1;
      if (!stays_open) relay_end_source(input);
    }
  }
  for (int stream = STREAM_OUT; stream <= STREAM_ERR; stream++) relay_drop_target(&stdio->relays[stream]);
}

void stdio_expect_more_runs(struct stdio *stdio) {
  stdio->has_more_runs = true;
  stdio->relays[STREAM_IN].ends_with_target = false;
  for (int stream = STREAM_OUT; stream <= STREAM_ERR; stream++) {
    struct relay *relay = &stdio->relays[stream];
    relay->ends_with_target = false;
    if (relay->from >= 0) relay->held_open = true;
  }
}

void stdio_end(struct stdio *stdio) {
  close_each(stdio->outer);
  relay_close(&stdio->relays[STREAM_IN]);
  for (int stream = STREAM_OUT; stream <= STREAM_ERR; stream++) stdio->relays[stream].held_open = false;
}

void stdio_close(struct stdio *stdio) {
  close_each(stdio->inner);
  close_each(stdio->near);
  close_each(stdio->outer);
  for (int stream = 0; stream < STREAMS; stream++) relay_close(&stdio->relays[stream]);
}

bool stdio_drained(const struct stdio *stdio) {
  return relay_done(&stdio->relays[STREAM_OUT]) && relay_done(&stdio->relays[STREAM_ERR]);
}
