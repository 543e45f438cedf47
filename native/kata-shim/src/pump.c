/*
 * One request of each kind is under way at most, and the next read is asked for when the last has been written: whoever does not read holds up the writer in the guest, and nothing
 * else.
 */
#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SIGNALS_MAX 16u
/* Of processes that outlive theirs and hold its output open. */
#define QUIET_MS 500
/* For the last output when the machine has gone. */
#define LAST_OUTPUT_MS 2000

static struct pump pump;

/* The two fields that nearly every request begins with. */
static struct wire_out message_of(unsigned char *bytes, size_t size) {
  struct wire_out message = {.bytes = bytes, .size = size};
  wire_put_text(&message, 1, pump.target->folder->id);
  wire_put_text(&message, 2, pump.target->process);
  return message;
}

static bool ask_simple(uint32_t stream, const char *method) {
  unsigned char bytes[2 * ID_SIZE + 8];
  struct wire_out message = message_of(bytes, sizeof bytes);
  return connection_ask(pump.connection, stream, method, &message);
}

static bool ask_numbers(uint32_t stream, const char *method, uint64_t third, uint64_t fourth) {
  unsigned char bytes[2 * ID_SIZE + 32];
  struct wire_out message = message_of(bytes, sizeof bytes);
  wire_put_number(&message, 3, third);
  if (fourth > 0) wire_put_number(&message, 4, fourth);
  return connection_ask(pump.connection, stream, method, &message);
}

static void step_signals(void) {
  while (pump.signals_asked < SIGNALS_MAX) {
    int number = signals_next(pump.signals);
    if (number == 0) break;
    if (number == SIGWINCH && pump.target->terminal) {
      pump.size_due = true;
    } else if (ask_numbers(ASK_SIGNAL, "SignalProcess", (uint64_t)number, 0)) {
      pump.signals_asked++;
    }
  }
  unsigned short rows, columns;
  if (!pump.size_due || pump.size_asked) return;
  pump.size_due = false;
  if (terminal_size(&rows, &columns)) pump.size_asked = ask_numbers(ASK_SIZE, "TtyWinResize", rows, columns);
}

static void step_input(void) {
  struct input *input = &pump.input;
  if (input->asked || pump.exited) return;
  if (input->fd >= 0 && input->start == input->end) {
    ssize_t got = stream_read(input->fd, input->bytes, sizeof input->bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    input->start = 0;
    input->end = got > 0 ? (size_t)got : 0;
    if (got <= 0) {
      input_end(input);
      /* A terminal has no end of its input. */
      input->close_due = !pump.target->terminal;
    }
  }
  if (input->start < input->end) {
    static unsigned char bytes[INPUT_CHUNK + 2 * ID_SIZE + 16];
    struct wire_out message = message_of(bytes, sizeof bytes);
    wire_put_bytes(&message, 3, input->bytes + input->start, input->end - input->start);
    input->asked = connection_ask(pump.connection, ASK_INPUT, "WriteStdin", &message);
  } else if (input->close_due && !input->closed) {
    input->closed = input->asked = ask_simple(ASK_INPUT, "CloseStdin");
  }
}

/* True when it is not under way to a reader. */
static bool delivered(struct output *output) {
  while (output->start < output->end) {
    ssize_t sent = output->fd < 0 ? (ssize_t)(output->end - output->start) : stream_write(output->fd, output->bytes + output->start, output->end - output->start);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return false;
    /* Nobody reads it any more (EPIPE, EIO), or it can take no more (ENOSPC). */
    if (sent < 0) close_one(&output->fd);
    else output->start += (size_t)sent;
  }
  return true;
}

static void step_output(struct output *output) {
  if (!delivered(output)) return;
  if (output->ended) {
    /* stderr is ours, too, as long as we may have something to say. */
    if (!pump.target->terminal && output->ask == ASK_OUTPUT) close_one(&output->fd);
  } else if (!output->asked) {
    output->asked = ask_numbers(output->ask, output->ask == ASK_OUTPUT ? "ReadStdout" : "ReadStderr", CHUNK, 0);
  }
}

static bool over(void) {
  if (!pump.exited) return false;
  for (size_t i = 0; i < 2; i++) {
    if (!pump.outputs[i].ended || !delivered(&pump.outputs[i])) return false;
  }
  return true;
}

static void step_quiet(struct poll_set *set) {
  bool waits = false;
  for (size_t i = 0; i < 2; i++) waits = waits || (!pump.outputs[i].ended && pump.outputs[i].start == pump.outputs[i].end);
  if (!pump.exited || !waits || pump.check_asked) return;
  int64_t at = pump.quiet_since + QUIET_MS;
  if (now_ms() >= at) pump.check_asked = connection_ask_health(pump.connection, ASK_CHECK);
  else poll_wake_at(set, at);
}

static _Noreturn void end(void) {
  if (pump.connection->fd >= 0) connection_bind(pump.connection, "");
  if (pump.ending.oom_killed && pump.target->records) {
    int fd = open("oom", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    close_one(&fd);
  }
  end_as(&pump.ending);
}

static _Noreturn void machine_gone(void) {
  char reason[2 * REASON_SIZE];
  struct text text = {.bytes = reason, .size = sizeof reason};
  for (int64_t deadline = now_ms() + LAST_OUTPUT_MS; now_ms() < deadline;) {
    if (delivered(&pump.outputs[0]) & delivered(&pump.outputs[1])) break;
    sleep_ms(5);
  }
  if (over()) end();
  text_add(&text, "slipway: ");
  if (pump.connection->wrong != NULL) text_add(&text, "\"%s\" was given up: %s", pump.target->folder->id, pump.connection->wrong);
  else connection_lost(pump.connection, pump.target->folder, &text);
  text_add(&text, "\n");
  if (pump.target->records) write_text(AT_FDCWD, "ended", reason);
  if (pump.outputs[1].fd >= 0) stream_write(pump.outputs[1].fd, reason, strlen(reason));
  else if (pump.target->terminal) stream_write(STREAM_ERR, reason, strlen(reason));
  if (!pump.exited) pump.ending = (struct ending){.code = 255};
  end();
}

_Noreturn void pump_run(struct connection *connection, const struct target *target, int signals) {
  pump.connection = connection;
  pump.target = target;
  pump.signals = signals;
  pump.size_due = target->terminal;
  pump.input.fd = stream_own(STREAM_IN, O_RDONLY);
  pump.outputs[0] = (struct output){.fd = stream_own(STREAM_OUT, O_WRONLY), .ask = ASK_OUTPUT};
  pump.outputs[1] = (struct output){.fd = target->terminal ? -1 : stream_own(STREAM_ERR, O_WRONLY), .ask = ASK_ERROR, .ended = target->terminal};
  /* All that is opened is open; what comes now is the guest's. */
  if (!privileges_keep(0)) connection_break(connection, "its privileges could not be given up");
  while (!over()) {
    struct poll_set set = {.deadline = -1};
    if (!pump.exit_asked) pump.exit_asked = ask_simple(ASK_EXIT, "WaitProcess");
    step_signals();
    step_input();
    for (size_t i = 0; i < 2; i++) step_output(&pump.outputs[i]);
    step_quiet(&set);
    if (connection->fd < 0) machine_gone();
    if (pump.signals_asked < SIGNALS_MAX) poll_add(&set, signals, POLLIN);
    connection_poll(connection, &set);
    if (!pump.input.asked && pump.input.start == pump.input.end && !pump.exited) poll_add(&set, pump.input.fd, POLLIN);
    for (size_t i = 0; i < 2; i++) {
      if (pump.outputs[i].start < pump.outputs[i].end) poll_add(&set, pump.outputs[i].fd, POLLOUT);
    }
    poll_wait(&set);
    connection_step(connection);
    if (!pump_take_answers(&pump)) connection_break(connection, "the agent's answer is no message");
  }
  end();
}
