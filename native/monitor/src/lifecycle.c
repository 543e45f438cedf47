/* What follows when a tool or the container's first process ends. */
#include "monitor.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* As waitpid(2) tells it. */
#define EXITED_1 0x100

void reply_tool_failed(const struct container *container, struct request *request, int wait_status) {
  const struct tool *tool = &container->tool;
  if (tool->timed_out) {
    reply_failed(request, "timeout", (long)tool->limit_ms, tool->tail);
  } else if (WIFSIGNALED(wait_status)) {
    reply_failed(request, "signal", WTERMSIG(wait_status), tool->tail);
  } else {
    reply_failed(request, "exit", WEXITSTATUS(wait_status), tool->tail);
  }
}

void lifecycle_oom(const struct container *container) { events_append(&container->events, "oom", ""); }

static void tell_death(const struct container *container) {
  char attributes[64];
  struct text text = {.bytes = attributes, .size = sizeof attributes};
  text_add(&text, "\"exitCode\":\"%d\"", container->status.code);
  if (container->status.signal != 0) text_add(&text, ",\"signal\":\"%d\"", container->status.signal);
  events_append(&container->events, "die", attributes);
}

static void init_ended(struct container *container, int wait_status) {
  int64_t ran_ms = container->runs ? now_ms() - container->started_at_ms : 0;
  container->init = 0;
  container->exited = container->has_exit = true;
  container->exited_at_ms = now_ms();
  container->stop_deadline = 0;
  exit_status_set(&container->status, wait_status);
  /* Before the deletion takes the counter away. */
  bool noted = oom_noted();
  if (oom_grew(&container->oom) || noted) lifecycle_oom(container);
  container->status.oom_killed = oom_ever(&container->oom) || noted;
  oom_close(&container->oom);
  health_stop(&container->health);
  bool over = container->stop_requested || container->delete_wanted || container->dying || !container->was_started;
  container->restart.step = RESTART_NONE;
  container->runs = false;
  if (over || !restart_due(&container->restart, &container->status, ran_ms)) {
    lifecycle_end(container);
  } else {
    restart_schedule(&container->restart, ran_ms);
    /* What comes from now on is for the next run. */
    relay_drop_target(&container->stdio.relays[STREAM_IN]);
    status_write(container, true);
  }
  tell_death(container);
}

void lifecycle_end(struct container *container) {
  container->ended = true;
  container->recorded = status_write(container, true);
  if (!container->dies_with_parent) container->delete_wanted = true;
}

void lifecycle_no_restart(struct container *container) {
  bool waits = container->restart.step == RESTART_CLEAN || container->restart.step == RESTART_WAIT;
  if (container->stop_requested || container->ended) return;
  container->stop_requested = true;
  if (waits) {
    container->restart.step = RESTART_NONE;
    lifecycle_end(container);
  } else if (container->was_created) {
    status_write(container, false);
  }
}

/* Everything below us was killed and reaped without a look at what it was. */
static void reaped_unseen(struct container *container) {
  if (container->health.tool.pid > 0) health_ended(&container->health, SIGKILL);
  if (container->init > 0) init_ended(container, SIGKILL);
}

static void ready_for_next_run(struct container *container) {
  struct winsize size;
  if (container->console.master >= 0) {
    if (ioctl(container->console.master, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
      container->columns = size.ws_col;
      container->rows = size.ws_row;
    }
    close(container->console.master);
  }
  container->console.master = -1;
  stdio_disconnect(&container->stdio);
  container->restart.step = RESTART_WAIT;
}

static void deletion_ended(struct container *container, int wait_status) {
  /* All that the container has started are descendants of ours: what a shared pid namespace let live ends here. */
  children_kill();
  /* Those that did not end of the first SIGKILL in time (frozen, or waiting for a disk). */
  reaped_unseen(container);
  if (container->restart.step == RESTART_CLEAN) return ready_for_next_run(container);
  if (!container->delete_wanted) return;
  bool succeeded = wait_status == 0 && !container->tool.timed_out;
  if (container->delete_request.client != NULL) container->delete_told = true;
  if (succeeded) {
    reply_ok(&container->delete_request, "");
  } else {
    reply_tool_failed(container, &container->delete_request, wait_status);
  }
  /* Who may outlive its creator has nobody that would ask once more: whoever finds the record does the rest. */
  container->delete_done = succeeded || container->dying || (container->ended && !container->dies_with_parent);
  container->delete_wanted = container->delete_done;
  container->finished_at_ms = now_ms();
}

static void tool_has_ended(struct container *container, int wait_status) {
  enum running which = container->running;
  bool failed = wait_status != 0 || container->tool.timed_out;
  container->running = TOOL_NONE;
  if (which == TOOL_CREATE && container->exec && failed && !container->with_terminal) {
    container->tool.output[0] = container->stdio.near[STREAM_OUT];
    container->tool.output[1] = container->stdio.near[STREAM_ERR];
  }
  tool_ended(&container->tool);
  if (which == TOOL_CREATE) {
    run_creation_ended(container, wait_status);
  } else if (which == TOOL_START) {
    run_start_ended(container, wait_status);
  } else {
    deletion_ended(container, wait_status);
  }
}

static void probe_has_ended(struct container *container, int wait_status) {
  bool changed = health_ended(&container->health, wait_status);
  if (container->health.started_at == 0) return;
  lifecycle_health(container, changed);
}

void lifecycle_health(struct container *container, bool changed) {
  char attributes[64];
  status_write(container, false);
  if (!changed) return;
  snprintf(attributes, sizeof attributes, "\"status\":\"%s\"", health_name(container->health.status));
  events_append(&container->events, "health_status", attributes);
}

static pid_t reap_one(const struct container *container, int *status) {
  /*
   * During a creation the first process is ours before we know its number, and during a start its end would be told
   * before its beginning: it is left unreaped until then.
   */
  if (container->running != TOOL_CREATE && container->running != TOOL_START) return waitpid(-1, status, WNOHANG);
  pid_t pid = waitpid(container->tool.pid, status, WNOHANG);
  if (pid > 0 || container->health.tool.pid == 0) return pid;
  return waitpid(container->health.tool.pid, status, WNOHANG);
}

void lifecycle_reap(struct container *container) {
  int status;
  for (pid_t pid; (pid = reap_one(container, &status)) > 0;) {
    if (container->running != TOOL_NONE && pid == container->tool.pid) {
      tool_has_ended(container, status);
    } else if (pid == container->health.tool.pid) {
      probe_has_ended(container, status);
    } else if (pid == container->init) {
      init_ended(container, status);
    }
  }
}

/* Our working directory, which has files only. */
static bool remove_folder(void) {
  char path[4096];
  DIR *folder = opendir(".");
  if (folder == NULL) return false;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) unlink(entry->d_name);
  closedir(folder);
  /* Somebody may have swept it up. */
  return (getcwd(path, sizeof path) != NULL && rmdir(path) == 0) || errno == ENOENT;
}

void lifecycle_start_delete(struct container *container) {
  const char *what = "delete";
  bool possible = command_is_set(&container->deletion);
  /* Its process is gone by then, and who asked for it may be, too. */
  if (container->exec && !possible) return deletion_ended(container, remove_folder() ? 0 : EXITED_1);
  int error = possible ? tool_start_quiet(&container->tool, &container->deletion, &what) : 0;
  if (possible && error == 0) {
    container->running = TOOL_DELETE;
    return;
  }
  if (container->restart.step == RESTART_CLEAN) return ready_for_next_run(container);
  if (container->delete_request.client != NULL) container->delete_told = true;
  reply_failed(&container->delete_request, "errno", error, what);
  container->delete_done = container->delete_wanted = container->dying || (container->ended && !container->dies_with_parent);
  container->finished_at_ms = now_ms();
}
