#include "monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

/* Of processes that outlive the first one and hold its output open, which only a shared pid namespace allows. */
#define OUTPUT_GRACE_MS 500
/* More than any pipe holds: beyond this it was written after the exit. */
#define OUTPUT_GRACE_BYTES (2u << 20)
/* A frozen process does not end of SIGKILL before it is thawed, which the runtime's own deletion knows how to do. */
#define KILL_LIMIT_MS 3000
/* For a reader that is slow when everything else has been removed on request. */
#define LEAVE_GRACE_MS 5000

void container_open(struct container *container, int control_fd) {
  clients_open(&container->clients, control_fd);
  container->sinks.clients = &container->clients;
  container->sinks.log.folder = container->sinks.log.fd = -1;
  container->console.listener = container->console.master = -1;
  container->oom.counter = container->oom.notice = container->oom.freezer = -1;
  container->record_folder = AT_FDCWD;
  tool_open(&container->tool);
  tool_open(&container->health.tool);
}

void container_terminate(struct container *container) {
  container->dying = true;
  lifecycle_no_restart(container);
  container->delete_wanted = true;
  if (container->running == TOOL_CREATE || container->running == TOOL_START) tool_kill(&container->tool);
}

static bool passes_output_on(const struct container *container) {
  return container->exited && (container->ended ? !container->end_reported : container->restart.step == RESTART_CLEAN);
}

static void cut_output(struct container *container) {
  if (now_ms() < container->exited_at_ms + OUTPUT_GRACE_MS) return;
  for (int stream = STREAM_OUT; stream <= STREAM_ERR; stream++) {
    struct relay *relay = &container->stdio.relays[stream];
    if (relay->from < 0) continue;
    if (!relay_blocked(relay) || relay->read_since_exit > OUTPUT_GRACE_BYTES) relay_end_source(relay);
  }
}

static bool tell_end(struct client *client, const struct container *container) {
  const struct exit_status *status = &container->status;
  char code[8], signal_number[8];
  snprintf(code, sizeof code, "%d", status->code);
  snprintf(signal_number, sizeof signal_number, "%d", status->signal);
  const char *oom = status->oom_killed ? "oom" : "", *recorded = container->recorded ? "recorded" : "";
  if (!client->attached) {
    control_send(&client->control, "exited", "0", code, signal_number, status->time, recorded, oom, NULL);
    return true;
  }
  char payload[128];
  int length = snprintf(payload, sizeof payload, "%s%c%s%c%s%c%s%c%s", code, 0, signal_number, 0, status->time, 0, recorded, 0, oom);
  return attach_send(client, ATTACH_EXIT, (const unsigned char *)payload, (size_t)length + 1);
}

static void report_end(struct container *container) {
  log_end_lines(&container->sinks.log);
  /* The disk may have been full. */
  if (!container->recorded) container->recorded = status_write(container, true);
  container->end_reported = true;
  for (size_t i = 0; i < CLIENTS; i++) {
    struct client *client = &container->clients.each[i];
    if (!client->in_use || !client->waits || client->told) continue;
    client->told = tell_end(client, container);
    if (!client->told) container->end_reported = false;
    if (client->is_creator && client->control.fd >= 0 && container->delete_done) container->end_told = true;
  }
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
  if (!container->delete_done) return false;
  bool told = !container->ended || container->end_reported;
  if (told && stdio_drained(&container->stdio) && clients_flushed(&container->clients)) return true;
  return (container->delete_asked || container->dying) && now_ms() >= container->finished_at_ms + LEAVE_GRACE_MS;
}

static void forget_client(struct container *container, size_t index) {
  struct client *client = &container->clients.each[index];
  if (container->request.client == client) container->request.client = NULL;
  if (container->delete_request.client == client) container->delete_request.client = NULL;
  for (int stream = STREAM_OUT; stream <= STREAM_ERR; stream++) container->stdio.relays[stream].owed &= ~(1u << index);
  if (!client->is_creator) return client_free(client);
  client_free(client);
  /* Nobody is left who could start what was only created. */
  if (container->dies_with_parent || !container->was_started) {
    if (!container->dying) container_terminate(container);
  } else {
    stdio_let_go(&container->stdio, !container->detached);
  }
}

static void step_clients(struct container *container) {
  struct frame frame;
  for (size_t i = 0; i < CLIENTS; i++) {
    struct client *client = &container->clients.each[i];
    if (!client->in_use) continue;
    control_step(&client->control);
    while (!client->attached && control_next(&client->control, &frame)) container_request(container, client, &frame);
    if (client->attached) attach_step(client, &container->stdio.relays[STREAM_IN], container->console.master);
    if (client->control.fd < 0) forget_client(container, i);
  }
  /* Into the places of those that have gone. Their first requests are a wake-up of their own. */
  clients_accept(&container->clients, container->request.client, container->delete_request.client);
}

static void step_supervision(struct container *container) {
  if (container->stop_deadline > 0 && now_ms() >= container->stop_deadline) {
    container->stop_deadline = 0;
    if (container->init > 0) kill(container->init, SIGKILL);
  }
  tool_step(&container->health.tool);
  if (health_due(&container->health)) {
    bool changed;
    if (oom_frozen(&container->oom)) {
      health_put_off(&container->health);
    } else if (!health_begin(&container->health, &changed)) {
      lifecycle_health(container, changed);
    }
  }
  if (oom_told(&container->oom)) lifecycle_oom(container);
  run_step(container);
  status_sync(container);
}

bool container_step(struct container *container) {
  step_clients(container);
  console_accept(&container->console);
  tool_step(&container->tool);
  if (container->ended) stdio_end(&container->stdio);
  for (int stream = 0; stream < STREAMS; stream++) relay_step(&container->stdio.relays[stream], container->exited);
  if (passes_output_on(container)) cut_output(container);
  step_supervision(container);
  work_on_deletion(container);
  bool removed = container->dies_with_parent || container->delete_done;
  if (container->ended && removed && stdio_drained(&container->stdio)) report_end(container);
  return !over(container);
}

bool container_left_alone(struct container *container) {
  struct client *creator = &container->clients.each[0];
  /* It may have gone since it was looked at last. */
  if (creator->in_use) control_step(&creator->control);
  bool is_there = container->end_told || (creator->in_use && creator->control.fd >= 0);
  return (!is_there || container->detached) && !container->delete_told;
}

/* What was held up before it can go on now, and nothing else might wake us. */
static void poll_input(const struct container *container, struct poll_set *set) {
  if (!relay_takes_input(&container->stdio.relays[STREAM_IN])) return;
  for (size_t i = 0; i < CLIENTS; i++) {
    if (attach_has_input(&container->clients.each[i])) poll_wake_at(set, now_ms());
  }
}

void container_poll(const struct container *container, struct poll_set *set) {
  clients_poll(&container->clients, set);
  poll_input(container, set);
  if (container->running == TOOL_CREATE && container->console.master < 0) poll_add(set, container->console.listener, POLLIN);
  tool_poll(&container->tool, set);
  for (int stream = 0; stream < STREAMS; stream++) relay_poll(&container->stdio.relays[stream], set);
  oom_poll(&container->oom, set);
  health_poll(&container->health, set);
  run_poll(container, set);
  int64_t cut_at = container->exited_at_ms + OUTPUT_GRACE_MS;
  if (passes_output_on(container) && now_ms() < cut_at) poll_wake_at(set, cut_at);
  bool killing = container->delete_wanted && !container->delete_done && container->running == TOOL_NONE;
  if (killing && container->kill_deadline > 0) poll_wake_at(set, container->kill_deadline);
  if (container->delete_done && (container->delete_asked || container->dying)) poll_wake_at(set, container->finished_at_ms + LEAVE_GRACE_MS);
  if (container->stop_deadline > 0) poll_wake_at(set, container->stop_deadline);
  if (container->sync_at > 0) poll_wake_at(set, container->sync_at);
}
