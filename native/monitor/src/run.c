/* Creating and starting: on request, and again when the restart policy says so. */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int run_create(struct container *container, const char **what) {
  struct stdio *stdio = &container->stdio;
  int error;
  *what = "pipe2";
  unlink(container->pid_file);
  oom_forget_pause();
  if (container->with_terminal) {
    *what = "console.sock";
    error = console_listen(&container->console) ? tool_start_quiet(&container->tool, &container->creation, what) : errno;
  } else if (!stdio_make_pipes(stdio)) {
    error = errno;
  } else {
    error = tool_start(&container->tool, &container->creation, stdio->inner, what);
    /* The user's program has not run: what is printed until the tool has ended is the tool's. */
    if (error == 0 && !container->exec) {
      container->tool.output[0] = stdio->near[STREAM_OUT];
      container->tool.output[1] = stdio->near[STREAM_ERR];
    }
    stdio_close_inner(stdio);
  }
  if (error == 0) container->running = TOOL_CREATE;
  return error;
}

int run_start(struct container *container, const char **what) {
  int error = tool_start_quiet(&container->tool, &container->starting, what);
  container->was_started = error == 0;
  if (error == 0) container->running = TOOL_START;
  return error;
}

/* The process must be a child of ours, or we would wait for, or kill, something else. 0 when it is not. */
static pid_t read_pid_file(const char *path) {
  char text[16];
  if (read_text(AT_FDCWD, path, text, sizeof text) <= 0) return 0;
  long pid = strtol(text, NULL, 10);
  siginfo_t info;
  if (pid < 2 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0) return 0;
  return (pid_t)pid;
}

/* NULL, or what is wrong with what the tool has made. */
static const char *take_over(struct container *container) {
  container->init = read_pid_file(container->pid_file);
  if (container->init == 0) return "it wrote no pid of a child process";
  int master = container->console.master;
  if (container->with_terminal && (master < 0 || !terminal_resize(master, container->columns, container->rows))) return "it sent no terminal";
  bool writers_end = container->dies_with_parent && container->restart.policy == RESTART_NEVER;
  if (!stdio_connect(&container->stdio, master, writers_end)) return "its streams could not be connected";
  return NULL;
}

static void has_started(struct container *container) {
  container->was_started = container->runs = true;
  container->restart.step = RESTART_NONE;
  container->started_at_ms = now_ms();
  time_now(container->started_time);
  health_start(&container->health);
  status_write(container, false);
  events_append(&container->events, "start", "");
}

void run_again(struct container *container) {
  struct exit_status failure = {.code = 1};
  container->init = 0;
  container->exited = true;
  container->exited_at_ms = now_ms();
  stdio_disconnect(&container->stdio);
  if (container->stop_requested || !restart_due(&container->restart, &failure, 0)) {
    container->restart.step = RESTART_NONE;
    lifecycle_end(container);
    return;
  }
  restart_schedule(&container->restart, 0);
  status_write(container, false);
}

static void creation_failed(struct container *container) {
  container->init = 0;
  children_kill();
  if (container->restart.step == RESTART_CREATE) {
    run_again(container);
  } else {
    stdio_close(&container->stdio);
  }
}

static void start_again(struct container *container) {
  const char *what;
  container->restart.step = RESTART_START;
  if (container->stop_requested || run_start(container, &what) != 0) kill(container->init, SIGKILL);
}

void run_creation_ended(struct container *container, int wait_status) {
  console_accept(&container->console);
  console_close(&container->console);
  if (wait_status != 0 || container->tool.timed_out) {
    reply_tool_failed(container, &container->request, wait_status);
    creation_failed(container);
    return;
  }
  const char *wrong = take_over(container);
  if (wrong != NULL) {
    reply_failed(&container->request, "result", 0, wrong);
    creation_failed(container);
    return;
  }
  container->was_created = true;
  container->exited = false;
  oom_follow(&container->oom, container->init);
  if (!process_start_ticks(container->init, container->init_ticks, sizeof container->init_ticks)) container->init_ticks[0] = '\0';
  char pid[16];
  snprintf(pid, sizeof pid, "%d", (int)container->init);
  if (container->exec) {
    has_started(container);
  } else if (container->restart.step == RESTART_CREATE) {
    start_again(container);
  } else {
    status_write(container, false);
  }
  reply_ok(&container->request, pid);
}

void run_start_ended(struct container *container, int wait_status) {
  if (wait_status == 0 && !container->tool.timed_out) {
    has_started(container);
    reply_ok(&container->request, "");
    return;
  }
  /* Of a restart: its end is that of a run that failed. */
  if (container->restart.step == RESTART_START && container->init > 0) kill(container->init, SIGKILL);
  container->was_started = container->restart.step == RESTART_START;
  reply_tool_failed(container, &container->request, wait_status);
  bool abandoned = !container->was_started && !container->clients.each[0].in_use;
  if (abandoned) container_terminate(container);
}

void run_step(struct container *container) {
  struct restart *restart = &container->restart;
  const char *what;
  if (container->running != TOOL_NONE || container->delete_wanted) return;
  if (restart->step == RESTART_CLEAN && stdio_drained(&container->stdio)) {
    log_end_lines(&container->sinks.log);
    lifecycle_start_delete(container);
  } else if (restart->step == RESTART_WAIT && now_ms() >= restart->at) {
    restart->step = RESTART_CREATE;
    container->was_created = container->was_started = false;
    if (run_create(container, &what) != 0) creation_failed(container);
  }
}

void run_poll(const struct container *container, struct poll_set *set) {
  if (container->restart.step == RESTART_WAIT && container->running == TOOL_NONE) poll_wake_at(set, container->restart.at);
}
