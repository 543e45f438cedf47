#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a process has left behind may hold its streams open for ever. */
#define OUTPUT_GRACE_MS 500

static struct process processes[PROCESSES_MAX];

/* Those whose end is known to the host, but whose output nobody has asked for. */
static struct process *find_forgotten(void) {
  for (int i = 0; i < PROCESSES_MAX; i++) {
    struct process *process = &processes[i];
    bool asked = process->out.asked != 0 || process->err.asked != 0 || process->in.asked != 0;
    if (process->container != NULL && process->exited && process->told && !asked && process != process_first(process->container)) return process;
  }
  return NULL;
}

static struct process *find_free(void) {
  for (int i = 0; i < PROCESSES_MAX; i++) {
    if (processes[i].container == NULL) return &processes[i];
  }
  struct process *forgotten = find_forgotten();
  if (forgotten != NULL) process_free(forgotten);
  return forgotten;
}

static struct process *find_named(const struct container *container, const char *id) {
  for (int i = 0; i < PROCESSES_MAX; i++) {
    if (processes[i].container == container && strcmp(processes[i].id, id) == 0) return &processes[i];
  }
  return NULL;
}

struct process *process_add(struct container *container, const char *id, bool terminal) {
  if (find_named(container, id) != NULL) {
    fail(CODE_ALREADY_EXISTS, "container \"%s\" has a process \"%s\" already", container->id, id);
    return NULL;
  }
  struct process *process = find_free();
  if (process == NULL) {
    fail(CODE_RESOURCE_EXHAUSTED, "there are %d processes already", PROCESSES_MAX);
    return NULL;
  }
  /* Not as a whole: the bytes for its input are many, and stay untouched until there are some. */
  process->container = container;
  copy(process->id, sizeof process->id, id);
  process->terminal = terminal;
  process->exited = process->told = process->oom_killed = false;
  process->pid = 0;
  process->out = process->err = (struct source){.fd = -1};
  process->in.fd = -1;
  process->in.asked = 0;
  process->in.closing = false;
  memset(process->waiters, 0, sizeof process->waiters);
  return process;
}

struct process *process_first(const struct container *container) {
  return find_named(container, container->first);
}

struct process *process_find(struct view request) {
  char id[ID_SIZE];
  struct container *container = container_find(wire_bytes(request, 1));
  if (container == NULL || !wire_text(wire_bytes(request, 2), "exec_id", id, sizeof id)) return NULL;
  struct process *process = id[0] == '\0' ? process_first(container) : find_named(container, id);
  if (process == NULL || process->pid == 0) {
    fail(CODE_NOT_FOUND, "container \"%s\" has no process \"%s\"", container->id, id);
    return NULL;
  }
  return process;
}

void process_free(struct process *process) {
  if (process->out.fd >= 0) close(process->out.fd);
  if (process->err.fd >= 0) close(process->err.fd);
  if (process->in.fd >= 0) close(process->in.fd);
  process->container = NULL;
}

bool processes_answered(const struct container *container) {
  for (int i = 0; i < PROCESSES_MAX; i++) {
    const struct process *process = &processes[i];
    if (process->container != container || process->pid == 0) continue;
    bool waits = process->out.asked != 0 || process->err.asked != 0 || process->in.asked != 0;
    for (int j = 0; j < WAITERS_MAX; j++) waits = waits || process->waiters[j] != 0;
    if (waits) return false;
  }
  return true;
}

void processes_of_free(const struct container *container) {
  for (int i = 0; i < PROCESSES_MAX; i++) {
    if (processes[i].container == container) process_free(&processes[i]);
  }
}

void process_started(struct process *process, pid_t pid) {
  struct cgroup *cgroup = &process->container->cgroup;
  cgroup_look(cgroup);
  process->killed_before = cgroup->killed;
  process->pid = pid;
}

static void process_ended(struct process *process, int status) {
  struct cgroup *cgroup = &process->container->cgroup;
  cgroup_look(cgroup);
  process->oom_killed = cgroup->killed > process->killed_before;
  process->exited = true;
  process->exited_ms = now_ms();
  process->status = status;
}

/* While a command of the runtime runs, what is not known to us may be a process that it will name: its end is left where it is. */
static void reap_others(void) {
  int status;
  pid_t pid;
  while (!tools_running() && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
    for (int i = 0; i < PROCESSES_MAX; i++) {
      if (processes[i].container != NULL && processes[i].pid == pid && !processes[i].exited) process_ended(&processes[i], status);
    }
  }
}

void processes_reap(void) {
  int status;
  for (int i = 0; i < PROCESSES_MAX; i++) {
    struct process *process = &processes[i];
    if (process->container == NULL || process->pid == 0 || process->exited) continue;
    if (waitpid(process->pid, &status, WNOHANG) == process->pid) process_ended(process, status);
  }
  reap_others();
}

static int64_t cut_at(const struct process *process) { return process->exited ? process->exited_ms + OUTPUT_GRACE_MS : 0; }

void processes_poll(struct poll_set *set) {
  for (int i = 0; i < PROCESSES_MAX; i++) {
    const struct process *process = &processes[i];
    if (process->container == NULL) continue;
    source_poll(&process->out, cut_at(process), set);
    source_poll(&process->err, cut_at(process), set);
    sink_poll(&process->in, set);
  }
}

/* WaitProcessResponse{status = 1}, and of our own signal = 100, oom_killed = 101. */
static void tell_end(struct process *process) {
  for (int i = 0; i < WAITERS_MAX && channel_has_room(); i++) {
    if (process->waiters[i] == 0) continue;
    int signal = WIFSIGNALED(process->status) ? WTERMSIG(process->status) : 0;
    struct wire_out *out = answer_begin();
    wire_put_number(out, 1, (uint64_t)(signal == 0 ? WEXITSTATUS(process->status) : 128 + signal));
    wire_put_number(out, 100, (uint64_t)signal);
    wire_put_number(out, 101, process->oom_killed);
    answer_end(process->waiters[i]);
    process->waiters[i] = 0;
    process->told = true;
  }
}

void processes_step(void) {
  for (int i = 0; i < PROCESSES_MAX; i++) {
    struct process *process = &processes[i];
    if (process->container == NULL || process->pid == 0) continue;
    sink_step(&process->in, process->exited);
    source_step(&process->out, cut_at(process));
    source_step(&process->err, cut_at(process));
    if (process->exited) tell_end(process);
    bool over = process->told && process->out.told && (process->terminal || process->err.told);
    if (over && process != process_first(process->container)) process_free(process);
  }
}

bool process_wait(uint32_t stream, struct view request) {
  struct process *process = process_find(request);
  for (int i = 0; process != NULL && i < WAITERS_MAX; i++) {
    if (process->waiters[i] != 0) continue;
    process->waiters[i] = stream;
    return true;
  }
  return fail(CODE_RESOURCE_EXHAUSTED, "%d requests wait for this process already", WAITERS_MAX);
}

/* signal = 3; without exec_id it is for every process of the container, of which the frozen ones are thawed by SIGKILL. */
bool process_signal(uint32_t stream, struct view request) {
  uint64_t number = wire_number(request, 3);
  if (number > (uint64_t)SIGRTMAX) return fail(CODE_INVALID_ARGUMENT, "%llu is no signal", (unsigned long long)number);
  if (wire_bytes(request, 2).length == 0) {
    struct container *container = container_made(wire_bytes(request, 1));
    if (container == NULL || !cgroup_signal(&container->cgroup, (int)number)) return false;
    answer_empty(stream);
    return true;
  }
  struct process *process = process_find(request);
  if (process == NULL) return false;
  /* Until it is reaped its number is nobody else's. */
  if (process->exited) return fail(CODE_NOT_FOUND, "process \"%s\" has ended", process->id);
  if (kill(process->pid, (int)number) < 0) return fail_errno("send signal %d to process \"%s\"", (int)number, process->id);
  struct cgroup *cgroup = &process->container->cgroup;
  if (number == SIGKILL && process == process_first(process->container) && cgroup_is(cgroup, "frozen") && !cgroup_freeze(cgroup, false)) return false;
  answer_empty(stream);
  return true;
}

bool process_write(uint32_t stream, struct view request) {
  struct process *process = process_find(request);
  if (process == NULL) return false;
  struct view data = wire_bytes(request, 3);
  if (data.length > 0) return sink_ask(&process->in, stream, data);
  /* As Kata's agent has it: nothing is the end. */
  return process_close_input(stream, request);
}

bool process_close_input(uint32_t stream, struct view request) {
  struct process *process = process_find(request);
  if (process == NULL) return false;
  /* A terminal has no end of input: whoever wants one types it. */
  if (!process->terminal) sink_close(&process->in);
  answer_empty(stream);
  return true;
}

bool process_read_out(uint32_t stream, struct view request) {
  struct process *process = process_find(request);
  return process != NULL && source_ask(&process->out, stream, wire_number(request, 3));
}

bool process_read_err(uint32_t stream, struct view request) {
  struct process *process = process_find(request);
  return process != NULL && source_ask(&process->err, stream, wire_number(request, 3));
}

/* row = 3, column = 4 */
bool process_resize(uint32_t stream, struct view request) {
  struct process *process = process_find(request);
  if (process == NULL) return false;
  if (!process->terminal || process->out.fd < 0) return fail(CODE_FAILED_PRECONDITION, "process \"%s\" has no terminal", process->id);
  struct winsize size = {.ws_row = (unsigned short)wire_number(request, 3), .ws_col = (unsigned short)wire_number(request, 4)};
  if (ioctl(process->out.fd, TIOCSWINSZ, &size) < 0) return fail_errno("resize the terminal of process \"%s\"", process->id);
  answer_empty(stream);
  return true;
}
