#include "agent.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool process_streams(struct process *process, int fds[3]) {
  int pipes[3][2];
  for (int i = 0; i < 3; i++) {
    if (pipe2(pipes[i], O_CLOEXEC) == 0) continue;
    fail_errno("pipe2");
    while (i-- > 0) close(pipes[i][0]), close(pipes[i][1]);
    return false;
  }
  fds[0] = pipes[0][0];
  fds[1] = pipes[1][1];
  fds[2] = pipes[2][1];
  process->in.fd = pipes[0][1];
  process->out.fd = pipes[1][0];
  process->err.fd = pipes[2][0];
  fcntl(process->in.fd, F_SETFL, O_NONBLOCK);
  fcntl(process->out.fd, F_SETFL, O_NONBLOCK);
  fcntl(process->err.fd, F_SETFL, O_NONBLOCK);
  return true;
}

static void executed(struct tool *tool, bool succeeded) {
  pid_t pid;
  if (!succeeded) tool_note_failure(tool, "exec");
  bool done = succeeded && tool_pid(tool, &pid);
  if (done && tool->process->terminal && tool->process->out.fd < 0) done = fail(CODE_INTERNAL, "crun exec: it sent no terminal");
  if (done) {
    process_started(tool->process, pid);
    answer_empty(tool->stream);
    return;
  }
  answer_failure(tool->stream);
  process_free(tool->process);
}

static bool write_process(const struct tool *tool, struct view spec) {
  int fd = open(tool->process_file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno("create \"%s\"", tool->process_file);
  bool written = spec_write(fd, &spec_process, spec);
  close(fd);
  return written;
}

static bool run_exec(struct tool *tool) {
  int fds[3];
  const char *pipes[] = {"exec", "--detach", "--process", tool->process_file, "--pid-file", tool->pid_file, NULL};
  const char *terminal[] = {"exec", "--detach", "--process", tool->process_file, "--pid-file", tool->pid_file, "--console-socket", tool->console_path, NULL};
  if (tool->process->terminal) return tool_expect_terminal(tool) && tool_run(tool, NULL, terminal);
  if (!process_streams(tool->process, fds)) return false;
  bool started = tool_run(tool, fds, pipes);
  for (int i = 0; i < 3; i++) close(fds[i]);
  return started;
}

/* container_id = 1, exec_id = 2, process = 4 */
bool process_exec(uint32_t stream, struct view request) {
  char id[ID_SIZE];
  struct view spec = wire_bytes(request, 4);
  struct container *container = container_made(wire_bytes(request, 1));
  if (container == NULL || !wire_text(wire_bytes(request, 2), "exec_id", id, sizeof id)) return false;
  if (id[0] == '\0') return fail(CODE_INVALID_ARGUMENT, "an exec has a name of its own");
  if (cgroup_is(&container->cgroup, "frozen")) return fail(CODE_FAILED_PRECONDITION, "container \"%s\" is paused", container->id);
  if (!wire_valid(spec)) return fail(CODE_INVALID_ARGUMENT, "the process is no message of Protocol Buffers");
  struct process *process = process_add(container, id, wire_number(spec, 1) != 0);
  if (process == NULL) return false;
  struct tool *tool = tool_new(container, process, stream, executed);
  if (tool != NULL && write_process(tool, spec) && run_exec(tool)) return true;
  process_free(process);
  return false;
}
