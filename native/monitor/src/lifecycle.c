/* What follows when a tool or the container's first process ends. */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void reply_tool_failed(struct container *container, const char *id, int wait_status) {
  const struct tool *tool = &container->tool;
  if (tool->timed_out) {
    reply_failed(container, id, "timeout", (long)tool->limit_ms, tool->tail);
  } else if (WIFSIGNALED(wait_status)) {
    reply_failed(container, id, "signal", WTERMSIG(wait_status), tool->tail);
  } else {
    reply_failed(container, id, "exit", WEXITSTATUS(wait_status), tool->tail);
  }
}

/* The process must be a child of ours, or we would wait for, or kill, something else. 0 when it is not. */
static pid_t read_pid_file(const char *path) {
  char text[16];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return 0;
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) return 0;
  text[got] = '\0';
  long pid = strtol(text, NULL, 10);
  siginfo_t info;
  if (pid < 2 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0) return 0;
  return (pid_t)pid;
}

static void creation_failed(struct container *container) {
  children_kill();
  stdio_close(&container->stdio);
}

static void creation_ended(struct container *container, int wait_status) {
  console_accept(&container->console);
  console_close(&container->console);
  if (wait_status != 0 || container->tool.timed_out) {
    reply_tool_failed(container, container->request, wait_status);
    creation_failed(container);
    return;
  }
  container->init = read_pid_file(container->pid_file);
  int master = container->console.master;
  const char *wrong = NULL;
  if (container->init == 0) {
    wrong = "it wrote no pid of a child process";
  } else if (container->with_terminal && (master < 0 || !terminal_resize(master, container->columns, container->rows))) {
    wrong = "it sent no terminal";
  } else if (!stdio_connect(&container->stdio, master, container->dies_with_parent)) {
    wrong = "its streams could not be connected";
  }
  if (wrong != NULL) {
    container->init = 0;
    reply_failed(container, container->request, "result", 0, wrong);
    creation_failed(container);
    return;
  }
  container->was_created = true;
  char pid[16];
  snprintf(pid, sizeof pid, "%d", (int)container->init);
  reply_ok(container, container->request, pid);
}

static void init_ended(struct container *container, int wait_status) {
  container->init = 0;
  container->exited = true;
  container->exited_at_ms = now_ms();
  exit_status_set(&container->status, wait_status);
  container->recorded = exit_record_write(&container->status);
}

static void deletion_ended(struct container *container, int wait_status) {
  /* All that the container has started are descendants of ours: what a shared pid namespace let live ends here. */
  children_kill();
  /* It did not end of the first SIGKILL in time (frozen, or waiting for a disk), so it was reaped unseen just now. */
  if (container->init > 0) init_ended(container, SIGKILL);
  bool succeeded = wait_status == 0 && !container->tool.timed_out;
  if (container->delete_request[0] != '\0') {
    if (succeeded) {
      reply_ok(container, container->delete_request, "");
    } else {
      reply_tool_failed(container, container->delete_request, wait_status);
    }
  }
  container->delete_request[0] = '\0';
  container->delete_done = succeeded || container->dying;
  container->delete_wanted = container->delete_done;
  container->finished_at_ms = now_ms();
}

void lifecycle_tool_ended(struct container *container, int wait_status) {
  int which = container->running;
  container->running = TOOL_NONE;
  tool_ended(&container->tool);
  if (which == TOOL_CREATE) {
    creation_ended(container, wait_status);
  } else if (which == TOOL_DELETE) {
    deletion_ended(container, wait_status);
  } else if (wait_status == 0 && !container->tool.timed_out) {
    reply_ok(container, container->request, "");
  } else {
    reply_tool_failed(container, container->request, wait_status);
  }
}

void container_reap(struct container *container) {
  for (;;) {
    /* During a creation the first process is ours before we know its number: it is left unreaped until then. */
    int status;
    pid_t pid = waitpid(container->running == TOOL_CREATE ? container->tool.pid : -1, &status, WNOHANG);
    if (pid <= 0) return;
    if (container->running != TOOL_NONE && pid == container->tool.pid) {
      lifecycle_tool_ended(container, status);
    } else if (pid == container->init) {
      init_ended(container, status);
    }
  }
}

void lifecycle_start_delete(struct container *container) {
  const char *what = "delete";
  int error = container->set_up ? tool_start_quiet(&container->tool, container->delete_argv, container->delete_limit_ms, &what) : 0;
  if (container->set_up && error == 0) {
    container->running = TOOL_DELETE;
    return;
  }
  if (container->delete_request[0] != '\0') reply_failed(container, container->delete_request, "errno", error, what);
  container->delete_request[0] = '\0';
  container->delete_done = container->delete_wanted = container->dying;
  container->finished_at_ms = now_ms();
}
