#include "agent.h"
#include "spec.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FREEZE_MS 10000

static struct container containers[CONTAINERS_MAX];
static uint32_t oom_waiters[WAITERS_MAX];

static bool is_id(const char *id) {
  if (!isalnum((unsigned char)id[0])) return false;
  for (const char *at = id; *at != '\0'; at++) {
    if (!isalnum((unsigned char)*at) && strchr("_.-", *at) == NULL) return false;
  }
  return true;
}

struct container *container_find(struct view id) {
  char text[ID_SIZE];
  if (!wire_text(id, "container_id", text, sizeof text)) return NULL;
  for (int i = 0; i < CONTAINERS_MAX; i++) {
    if (containers[i].state != CONTAINER_FREE && strcmp(containers[i].id, text) == 0) return &containers[i];
  }
  fail(CODE_NOT_FOUND, "there is no container \"%s\"", text);
  return NULL;
}

struct container *container_made(struct view id) {
  struct container *container = container_find(id);
  if (container == NULL || container->state == CONTAINER_MADE) return container;
  fail(CODE_FAILED_PRECONDITION, "container \"%s\" is %s", container->id, container->state == CONTAINER_REMOVING ? "being removed" : "not created yet");
  return NULL;
}

static struct container *add(const char *id) {
  struct container *free = NULL;
  for (int i = 0; i < CONTAINERS_MAX; i++) {
    struct container *container = &containers[i];
    if (container->state == CONTAINER_FREE) {
      free = container;
    } else if (strcmp(container->id, id) == 0) {
      fail(CODE_ALREADY_EXISTS, "there is a container \"%s\" already", id);
      return NULL;
    }
  }
  if (free == NULL) {
    fail(CODE_RESOURCE_EXHAUSTED, "there are %d containers already", CONTAINERS_MAX);
    return NULL;
  }
  memset(free, 0, offsetof(struct container, mounts));
  free->state = CONTAINER_CREATING;
  free->cgroup.memory_events = -1;
  free->mounts.count = 0;
  copy(free->id, sizeof free->id, id);
  print(free->folder, sizeof free->folder, RUN_FOLDER "/%s", id);
  return free;
}

static bool write_config(const struct container *container, struct view spec) {
  char path[MOUNT_POINT_SIZE + 32];
  const char *name;
  print(path, sizeof path, "%s/config.json", container->folder);
  int folder = folder_make_of(path, &name);
  int fd = folder < 0 ? -1 : file_create(folder, name, 0600);
  if (folder >= 0) close(folder);
  bool written = fd >= 0 && spec_write(fd, &spec_root, spec);
  if (fd >= 0) close(fd);
  return written;
}

static void created(struct tool *tool, bool succeeded) {
  struct container *container = tool->container;
  pid_t pid;
  container->busy = false;
  bool done = succeeded && tool_pid(tool, &pid) && cgroup_of(&container->cgroup, pid);
  if (!succeeded) tool_note_failure(tool, "create");
  if (done && tool->process->terminal && tool->process->out.fd < 0) done = fail(CODE_INTERNAL, "crun create: it sent no terminal");
  if (!done) {
    container_undo(container);
    return;
  }
  container->state = CONTAINER_MADE;
  process_started(tool->process, pid);
  answer_empty(tool->stream);
}

static bool run_create(struct container *container, struct process *process, uint32_t stream) {
  int fds[3];
  struct tool *tool = tool_new(container, process, stream, created);
  if (tool == NULL) return false;
  const char *pipes[] = {"create", "--bundle", container->folder, "--pid-file", tool->pid_file, NULL};
  const char *terminal[] = {"create", "--bundle", container->folder, "--pid-file", tool->pid_file, "--console-socket", tool->console_path, NULL};
  if (process->terminal) return tool_expect_terminal(tool) && tool_run(tool, NULL, terminal);
  if (!process_streams(process, fds)) return false;
  bool started = tool_run(tool, fds, pipes);
  for (int i = 0; i < 3; i++) close(fds[i]);
  return started;
}

/* container_id = 1, exec_id = 2, storages = 5, OCI = 6 */
bool container_create(uint32_t stream, struct view request) {
  char id[ID_SIZE], exec_id[ID_SIZE];
  struct view spec = wire_bytes(request, 6);
  if (!wire_text(wire_bytes(request, 1), "container_id", id, sizeof id) || !wire_text(wire_bytes(request, 2), "exec_id", exec_id, sizeof exec_id)) return false;
  if (!is_id(id)) return fail(CODE_INVALID_ARGUMENT, "\"%s\" is no name of a container", id);
  if (wire_has(request, 4)) return fail(CODE_UNIMPLEMENTED, "devices of a container are given by its specification alone");
  if (wire_number(request, 7) != 0) return fail(CODE_UNIMPLEMENTED, "a PID namespace of the sandbox");
  if (!wire_valid(spec) || !wire_valid(wire_bytes(spec, 2))) return fail(CODE_INVALID_ARGUMENT, "the specification is no message of Protocol Buffers");
  struct container *container = add(id);
  if (container == NULL) return false;
  container->answer = stream;
  bool terminal = wire_number(wire_bytes(spec, 2), 1) != 0;
  copy(container->first, sizeof container->first, exec_id[0] == '\0' ? id : exec_id);
  struct process *process = process_add(container, container->first, terminal);
  container->busy = process != NULL && storages_mount(request, 5, container->folder, &container->mounts) && write_config(container, spec) &&
                    run_create(container, process, stream);
  /* From here on the request is answered by whatever ends its work. */
  if (!container->busy) container_undo(container);
  return true;
}

static bool begin(struct container *container) {
  if (container == NULL) return false;
  if (container->busy) return fail(CODE_FAILED_PRECONDITION, "another command works on container \"%s\"", container->id);
  return true;
}

static void finish(struct tool *tool, bool succeeded, const char *verb) {
  tool->container->busy = false;
  if (succeeded) {
    answer_empty(tool->stream);
    return;
  }
  tool_note_failure(tool, verb);
  answer_failure(tool->stream);
}

static void started(struct tool *tool, bool succeeded) { finish(tool, succeeded, "start"); }

static void updated(struct tool *tool, bool succeeded) { finish(tool, succeeded, "update"); }

bool container_start(uint32_t stream, struct view request) {
  struct container *container = container_made(wire_bytes(request, 1));
  if (!begin(container)) return false;
  struct tool *tool = tool_new(container, NULL, stream, started);
  container->busy = tool != NULL && tool_run(tool, NULL, (const char *[]){"start", NULL});
  return container->busy;
}

/* container_id = 1, resources = 2 */
bool container_update(uint32_t stream, struct view request) {
  char path[MOUNT_POINT_SIZE + 32];
  const char *name;
  struct container *container = container_made(wire_bytes(request, 1));
  if (!begin(container)) return false;
  print(path, sizeof path, "%s/resources.json", container->folder);
  int folder = folder_make_of(path, &name);
  int fd = folder < 0 ? -1 : file_create(folder, name, 0600);
  if (folder >= 0) close(folder);
  bool written = fd >= 0 && spec_write(fd, &spec_resources, wire_bytes(request, 2));
  if (fd >= 0) close(fd);
  struct tool *tool = written ? tool_new(container, NULL, stream, updated) : NULL;
  container->busy = tool != NULL && tool_run(tool, NULL, (const char *[]){"update", "--resources", path, NULL});
  return container->busy;
}

bool container_pause(uint32_t stream, struct view request) {
  struct container *container = container_made(wire_bytes(request, 1));
  if (!begin(container)) return false;
  if (container->freezing != 0) return fail(CODE_FAILED_PRECONDITION, "container \"%s\" is being paused", container->id);
  if (!cgroup_freeze(&container->cgroup, true)) return false;
  container->freezing = stream;
  container->freeze_by = now_ms() + FREEZE_MS;
  return true;
}

bool container_resume(uint32_t stream, struct view request) {
  struct container *container = container_made(wire_bytes(request, 1));
  if (!begin(container) || !cgroup_freeze(&container->cgroup, false)) return false;
  answer_empty(stream);
  return true;
}

static void step_freezing(struct container *container) {
  if (container->freezing == 0 || !channel_has_room()) return;
  bool frozen = cgroup_is(&container->cgroup, "frozen"), late = now_ms() >= container->freeze_by;
  if (!frozen && !late) return;
  failure_clear();
  if (frozen) {
    answer_empty(container->freezing);
  } else {
    cgroup_freeze(&container->cgroup, false);
    failure_clear();
    fail(CODE_DEADLINE_EXCEEDED, "container \"%s\" was not frozen within %d ms", container->id, FREEZE_MS);
    answer_failure(container->freezing);
  }
  container->freezing = 0;
}

bool oom_event_wait(uint32_t stream, struct view request) {
  (void)request;
  for (int i = 0; i < WAITERS_MAX; i++) {
    if (oom_waiters[i] != 0) continue;
    oom_waiters[i] = stream;
    return true;
  }
  return fail(CODE_RESOURCE_EXHAUSTED, "%d requests wait for memory kills already", WAITERS_MAX);
}

static void step_oom(struct container *container) {
  cgroup_look(&container->cgroup);
  for (int i = 0; container->cgroup.event && i < WAITERS_MAX && channel_has_room(); i++) {
    if (oom_waiters[i] == 0) continue;
    wire_put_text(answer_begin(), 1, container->id);
    answer_end(oom_waiters[i]);
    oom_waiters[i] = 0;
    container->cgroup.event = false;
  }
}

void containers_poll(struct poll_set *set) {
  for (int i = 0; i < CONTAINERS_MAX; i++) {
    const struct container *container = &containers[i];
    if (container->state == CONTAINER_FREE) continue;
    poll_add(set, container->cgroup.memory_events, POLLPRI);
    /* The freezer tells by cgroup.events, but not all kernels wake for it: it takes a few ms. */
    if (container->freezing != 0) poll_wake_at(set, now_ms() + 2);
    if (container->deleted) poll_wake_at(set, now_ms() + 5);
  }
}

void containers_step(void) {
  for (int i = 0; i < CONTAINERS_MAX; i++) {
    struct container *container = &containers[i];
    if (container->state == CONTAINER_FREE) continue;
    step_oom(container);
    step_freezing(container);
    removal_step(container);
  }
}

void containers_end(void) {
  for (int i = 0; i < CONTAINERS_MAX; i++) {
    struct container *container = &containers[i];
    if (container->state == CONTAINER_FREE) continue;
    if (container->cgroup.path[0] != '\0') cgroup_signal(&container->cgroup, 9);
    mounts_undo(&container->mounts, true);
  }
}
