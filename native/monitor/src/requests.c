/* What any client asks for, once the container is set up. One command runs at a time. */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GRACE_MAX_MS 2592000000l
#define REASON_MAX 3072

void reply_ok(struct request *request, const char *value) {
  if (request->client != NULL) control_send(&request->client->control, "ok", request->id, value, NULL);
  request->client = NULL;
}

void reply_failed(struct request *request, const char *kind, long value, const char *text) {
  char number[24];
  snprintf(number, sizeof number, "%ld", value);
  if (request->client != NULL) control_send(&request->client->control, "failed", request->id, kind, number, text, NULL);
  request->client = NULL;
}

static void refuse(struct request *request, const char *reason) { reply_failed(request, "state", 0, reason); }

/* time limit, pid file, columns and rows (0: no terminal), argv */
static void create(struct container *container, struct request *request, const struct frame *frame) {
  long limit, columns, rows;
  const char *what = "create";
  if (!container->set_up || container->create_tried) return refuse(request, "create is not possible now");
  if (frame->count < 7 || !number_of(frame->strings[2], 1, LIMIT_MAX_MS, &limit) ||
      !copy(container->pid_file, sizeof container->pid_file, frame->strings[3]) ||
      !number_of(frame->strings[4], 0, 65535, &columns) || !number_of(frame->strings[5], 0, 65535, &rows))
    return refuse(request, "create has wrong arguments");
  command_set(&container->creation, frame->strings + 6, limit);
  container->columns = (unsigned long)columns;
  container->rows = (unsigned long)rows;
  container->create_tried = true;
  after_end_settle(&container->after_end);
  container->with_terminal = columns > 0;
  int error = run_create(container, &what);
  if (error != 0) return reply_failed(request, "errno", error, what);
  container->request = *request;
}

/* A runtime whose processes stand for others leaves the reason, where it knows one. */
static void refuse_ended(struct request *request) {
  char words[REASON_MAX], why[REASON_MAX];
  struct text text = {.bytes = words, .size = sizeof words};
  text_add(&text, "its first process ended before it was started");
  if (read_text(AT_FDCWD, "ended", why, sizeof why) > 0) text_add(&text, ": %.*s", (int)strcspn(why, "\n"), why);
  refuse(request, words);
}

static void start(struct container *container, struct request *request) {
  const char *what = "start";
  if (!container->was_created || container->was_started || container->exited || !command_is_set(&container->starting))
    return refuse(request, "start is not possible now");
  int error = run_start(container, &what);
  if (error != 0) return reply_failed(request, "errno", error, what);
  container->request = *request;
}

static bool waits_to_restart(const struct container *container) { return container->restart.step != RESTART_NONE && container->init == 0; }

static void send_signal(struct container *container, struct request *request, const struct frame *frame) {
  long number;
  if (frame->count != 3 || !number_of(frame->strings[2], 1, 64, &number)) return refuse(request, "signal has wrong arguments");
  /* It is reaped nowhere but here: a process that is not reaped keeps its number. */
  if (container->init == 0 && !(number == SIGKILL && waits_to_restart(container)))
    return reply_failed(request, "exited", 0, "there is no process");
  if (container->init > 0 && kill(container->init, (int)number) < 0) return reply_failed(request, "errno", errno, "kill");
  if (number == SIGKILL) lifecycle_no_restart(container);
  reply_ok(request, "");
}

/* signal, grace in ms (-1: for ever) */
static void stop(struct container *container, struct request *request, const struct frame *frame) {
  long number, grace;
  if (frame->count != 4 || !number_of(frame->strings[2], 1, 64, &number) || !number_of(frame->strings[3], -1, GRACE_MAX_MS, &grace))
    return refuse(request, "stop has wrong arguments");
  if (!container->was_created && !waits_to_restart(container)) return refuse(request, "there is no container to stop");
  if (container->init > 0) {
    /* What was only created has no program that could take the signal. */
    kill(container->init, container->was_started && grace != 0 ? (int)number : SIGKILL);
    int64_t deadline = now_ms() + grace;
    if (grace > 0 && (container->stop_deadline == 0 || deadline < container->stop_deadline)) container->stop_deadline = deadline;
  }
  lifecycle_no_restart(container);
  reply_ok(request, "");
}

static void resize(struct container *container, struct request *request, const struct frame *frame) {
  long columns = 0, rows = 0;
  if (frame->count != 4 || !number_of(frame->strings[2], 1, 65535, &columns) || !number_of(frame->strings[3], 1, 65535, &rows))
    return reply_failed(request, "errno", EINVAL, "resize");
  bool between_runs = container->with_terminal && container->restart.step != RESTART_NONE;
  if (container->console.master < 0 && !between_runs) return refuse(request, "there is no terminal");
  container->columns = (unsigned long)columns;
  container->rows = (unsigned long)rows;
  if (container->console.master >= 0 && !terminal_resize(container->console.master, container->columns, container->rows))
    return reply_failed(request, "errno", errno, "resize");
  reply_ok(request, "");
}

/* policy, its maximum. A restart that it waits for comes. */
static void restart_policy(struct container *container, struct request *request, const struct frame *frame) {
  enum restart_policy policy;
  long maximum;
  if (frame->count != 4 || !restart_policy_of(frame->strings[2], &policy) || !number_of(frame->strings[3], 0, 0x7fffffff, &maximum))
    return refuse(request, "restart-policy has wrong arguments");
  if (container->ended) return reply_failed(request, "exited", 0, "it has ended");
  if (container->exec || container->record_folder == AT_FDCWD || !command_is_set(&container->starting))
    return refuse(request, "it is not supervised");
  container->restart.policy = policy;
  container->restart.maximum = maximum;
  if (policy != RESTART_NEVER) stdio_expect_more_runs(&container->stdio);
  reply_ok(request, "");
}

static void delete_it(struct container *container, struct request *request) {
  if (container->delete_request.client != NULL) return refuse(request, "it is being deleted already");
  container->delete_asked = true;
  if (container->delete_done) {
    container->delete_told = true;
    return reply_ok(request, "");
  }
  lifecycle_no_restart(container);
  container->delete_wanted = true;
  container->delete_request = *request;
}

/* of 0 and 1: stdin, stdout, stderr */
static void attach(struct container *container, struct request *request, const struct frame *frame) {
  struct client *client = request->client;
  long wants[STREAMS];
  int attached = 0;
  for (int stream = 0; stream < STREAMS; stream++) {
    if (frame->count != 2 + STREAMS || !number_of(frame->strings[2 + stream], 0, 1, &wants[stream]))
      return refuse(request, "attach has wrong arguments");
  }
  for (size_t i = 0; i < CLIENTS; i++) attached += container->clients.each[i].attached;
  bool restarting = container->restart.step != RESTART_NONE;
  bool has_input = container->stdio.input != INPUT_NULL && (restarting || container->stdio.relays[STREAM_IN].to >= 0);
  if (client->is_creator) return refuse(request, "the control channel cannot be attached");
  if (container->ended) return reply_failed(request, "exited", 0, "it has ended");
  if (!container->was_created && !restarting) return refuse(request, "there is no container to attach to");
  if (attached == ATTACHED_MAX) return refuse(request, "too many are attached");
  if (wants[STREAM_IN] == 1 && !has_input) return refuse(request, "it has no open input");
  reply_ok(request, container->with_terminal ? "terminal" : "pipes");
  client->attached = client->waits = true;
  for (int stream = 0; stream < STREAMS; stream++) client->wants[stream] = wants[stream] == 1;
}

static void detach(struct container *container, struct request *request) {
  container->detached = true;
  /* Left to itself, it ends by itself, and is deleted then: what has ended already waits for its creator as before. */
  if (!container->ended) container->dies_with_parent = false;
  stdio_let_go(&container->stdio, false);
  reply_ok(request, "");
}

void container_request(struct container *container, struct client *client, const struct frame *frame) {
  const char *verb = frame->strings[0];
  struct request request = {.client = client};
  bool known = true;
  if (!copy(request.id, sizeof request.id, frame->strings[1])) {
    control_send(&client->control, "failed", "0", "protocol", "0", "the id of a request is too long", NULL);
    return;
  }
  if (strcmp(verb, "start") == 0 && container->exited && !container->was_started) return refuse_ended(&request);
  bool needs_tool = strcmp(verb, "create") == 0 || strcmp(verb, "start") == 0;
  if (needs_tool && (container->running != TOOL_NONE || container->delete_wanted || container->restart.step != RESTART_NONE))
    return refuse(&request, "another request is being worked on");
  if (client->is_creator) {
    const char *what, *reason = settings_request(container, frame, &known);
    int error = settings_error(&what);
    if (known && error != 0) return reply_failed(&request, "errno", error, what);
    if (known) return reason == NULL ? reply_ok(&request, "") : refuse(&request, reason);
    if (strcmp(verb, "create") == 0) return create(container, &request, frame);
  }
  if (strcmp(verb, "start") == 0) return start(container, &request);
  if (strcmp(verb, "signal") == 0) return send_signal(container, &request, frame);
  if (strcmp(verb, "stop") == 0) return stop(container, &request, frame);
  if (strcmp(verb, "resize") == 0) return resize(container, &request, frame);
  if (strcmp(verb, "restart-policy") == 0) return restart_policy(container, &request, frame);
  if (strcmp(verb, "delete") == 0) return delete_it(container, &request);
  if (strcmp(verb, "attach") == 0) return attach(container, &request, frame);
  if (strcmp(verb, "detach") == 0) return detach(container, &request);
  if (strcmp(verb, "wait") == 0) {
    client->waits = true;
    return reply_ok(&request, "");
  }
  if (strcmp(verb, "close-stdin") == 0) {
    relay_end_source(&container->stdio.relays[STREAM_IN]);
    return reply_ok(&request, "");
  }
  reply_failed(&request, "protocol", 0, "unknown verb");
}
