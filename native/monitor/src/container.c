#include "monitor.h"

#include <signal.h>
#include <stdio.h>

/* Of processes that outlive the first one and hold its output open, which only a shared pid namespace allows. */
#define OUTPUT_GRACE_MS 500
/* More than any pipe holds: beyond this it was written after the exit. */
#define OUTPUT_GRACE_BYTES (2u << 20)
/* A frozen process does not end of SIGKILL before it is thawed, which the runtime's own deletion knows how to do. */
#define KILL_LIMIT_MS 3000
/* For a reader that is slow when everything else has been removed. */
#define LEAVE_GRACE_MS 5000

void container_open(struct container *container, int control_fd) {
  control_open(&container->control, control_fd);
  container->console.listener = container->console.master = -1;
  container->tool.output[0] = container->tool.output[1] = -1;
}

void container_terminate(struct container *container) {
  container->dying = container->delete_wanted = true;
  if (container->running == TOOL_CREATE || container->running == TOOL_START) tool_kill(&container->tool);
}

static void cut_output(struct container *container) {
  if (now_ms() < container->exited_at_ms + OUTPUT_GRACE_MS) return;
  for (int stream = STREAM_OUT; stream <= STREAM_ERR; stream++) {
    struct relay *relay = &container->stdio.relays[stream];
    if (relay->from < 0) continue;
    if (!relay_blocked(relay) || relay->read_since_exit > OUTPUT_GRACE_BYTES) relay_end_source(relay);
  }
}

static void report_exit(struct container *container) {
  char code[8], signal_number[8];
  snprintf(code, sizeof code, "%d", container->status.code);
  snprintf(signal_number, sizeof signal_number, "%d", container->status.signal);
  control_send(&container->control, "exited", "0", code, signal_number, container->status.time, container->recorded ? "recorded" : "", NULL);
  container->exit_reported = true;
}

static void work_on_deletion(struct container *container) {
  if (!container->delete_wanted || container->delete_done || container->running != TOOL_NONE) return;
  if (container->kill_deadline == 0) container->kill_deadline = now_ms() + KILL_LIMIT_MS;
  if (container->init > 0 && now_ms() < container->kill_deadline) {
    kill(container->init, SIGKILL);
  } else {
    lifecycle_start_delete(container);
  }
}

static bool over(const struct container *container) {
  bool passed_on = stdio_drained(&container->stdio) && container->control.out_length == 0;
  if (container->delete_done) return passed_on || now_ms() >= container->finished_at_ms + LEAVE_GRACE_MS;
  return container->control.fd < 0 && container->exited && passed_on && container->running == TOOL_NONE && !container->delete_wanted;
}

bool container_step(struct container *container) {
  struct frame frame;
  control_step(&container->control);
  while (control_next(&container->control, &frame)) container_request(container, &frame);
  /* Nobody is left who could start what was only created. */
  bool abandoned = container->control.fd < 0 && (container->dies_with_parent || !container->was_started);
  if (abandoned && !container->dying) container_terminate(container);

  console_accept(&container->console);
  tool_step(&container->tool);
  for (int stream = 0; stream < STREAMS; stream++) relay_step(&container->stdio.relays[stream], container->exited);
  if (container->exited && !container->exit_reported) {
    relay_close(&container->stdio.relays[STREAM_IN]);
    cut_output(container);
    if (stdio_drained(&container->stdio)) report_exit(container);
  }
  work_on_deletion(container);
  return !over(container);
}

void container_poll(const struct container *container, struct poll_set *set) {
  control_poll(&container->control, set);
  if (container->running == TOOL_CREATE && container->console.master < 0) poll_add(set, container->console.listener, POLLIN);
  tool_poll(&container->tool, set);
  for (int stream = 0; stream < STREAMS; stream++) relay_poll(&container->stdio.relays[stream], set);
  int64_t cut_at = container->exited_at_ms + OUTPUT_GRACE_MS;
  if (container->exited && !container->exit_reported && now_ms() < cut_at) poll_wake_at(set, cut_at);
  bool killing = container->delete_wanted && !container->delete_done && container->running == TOOL_NONE;
  if (killing && container->kill_deadline > 0) poll_wake_at(set, container->kill_deadline);
  if (container->delete_done) poll_wake_at(set, container->finished_at_ms + LEAVE_GRACE_MS);
}
