/* The end of a container: its processes, what the runtime knows of it, its mounts, its folder. */
#include "agent.h"
#include "spec.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* The kernel takes the mount namespace of a container apart some time after its last process. */
#define UNMOUNT_MS 5000

static void deleted(struct tool *tool, bool succeeded) {
  struct container *container = tool->container;
  container->busy = false;
  if (!succeeded && container->state == CONTAINER_REMOVING) {
    tool_note_failure(tool, "delete");
    container->state = CONTAINER_MADE;
    answer_failure(tool->stream);
    return;
  }
  /* After a creation that failed the runtime may know nothing. */
  container->deleted = true;
  container->unmount_by = now_ms() + UNMOUNT_MS;
}

static bool run_delete(struct container *container) {
  struct tool *tool = tool_new(container, NULL, container->answer, deleted);
  return tool != NULL && tool_run(tool, NULL, (const char *[]){"delete", "--force", NULL});
}

void container_undo(struct container *container) {
  container->failure = *failure_last();
  failure_clear();
  container->state = CONTAINER_FAILED;
}

bool container_remove(uint32_t stream, struct view request) {
  struct container *container = container_made(wire_bytes(request, 1));
  if (container == NULL || !cgroup_signal(&container->cgroup, SIGKILL)) return false;
  container->state = CONTAINER_REMOVING;
  container->answer = stream;
  return true;
}

static void end(struct container *container) {
  folder_remove(container->folder);
  uint32_t stream = container->answer;
  bool failed = container->state == CONTAINER_FAILED;
  processes_of_free(container);
  cgroup_close(&container->cgroup);
  container->state = CONTAINER_FREE;
  failure_clear();
  if (!failed) {
    answer_empty(stream);
    return;
  }
  fail(container->failure.code, "%s", container->failure.text);
  answer_failure(stream);
}

static void begin(struct container *container) {
  failure_clear();
  container->busy = run_delete(container);
  if (container->busy) return;
  /* Without the runtime there is nothing else to be tried. */
  container->deleted = true;
  container->unmount_by = now_ms() + UNMOUNT_MS;
}

void removal_step(struct container *container) {
  bool going = container->state == CONTAINER_REMOVING || container->state == CONTAINER_FAILED;
  if (!going || container->busy || tools_work_on(container)) return;
  if (!container->deleted) {
    begin(container);
    return;
  }
  if (!processes_answered(container) || container->freezing != 0) return;
  bool late = now_ms() >= container->unmount_by;
  if (!mounts_undo(&container->mounts, late) || !channel_has_room()) return;
  if (late) sync();
  end(container);
}
