#include "monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_NAME "status.json"
#define STATUS_NEW "status.new"
/* A change that only a power failure could take back need not hold anything up. */
#define SYNC_AFTER_MS 200
#define STATUS_MAX (8 * TAIL_MAX)

void exit_status_set(struct exit_status *status, int wait_status) {
  status->signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
  status->code = status->signal != 0 ? 128 + status->signal : WEXITSTATUS(wait_status);
  time_now(status->time);
}

bool process_start_ticks(pid_t pid, char *ticks, size_t size) {
  char path[32], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  if (read_text(AT_FDCWD, path, text, sizeof text) <= 0) return false;
  /* The second field may hold anything, spaces and parentheses too. */
  char *at = strrchr(text, ')');
  for (int field = 2; at != NULL && field < 22; field++) {
    at = strchr(at, ' ');
    if (at != NULL) at++;
  }
  if (at == NULL) return false;
  return snprintf(ticks, size, "%.*s", (int)strcspn(at, " "), at) < (int)size;
}

static const char *boot_id(void) {
  static char id[40];
  if (id[0] == '\0' && read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id, sizeof id) > 0) id[strcspn(id, "\n")] = '\0';
  return id;
}

static const char *own_ticks(void) {
  static char ticks[24];
  if (ticks[0] == '\0' && !process_start_ticks(getpid(), ticks, sizeof ticks)) ticks[0] = '\0';
  return ticks;
}

static const char *word_for(const struct container *container) {
  if (container->ended) return "exited";
  if (container->restart.step != RESTART_NONE) return "restarting";
  return container->runs ? "running" : "created";
}

static void add_exit(struct text *text, const struct exit_status *status) {
  text_add(text, ",\"exit\":{\"exitCode\":%d", status->code);
  if (status->signal != 0) text_add(text, ",\"signal\":%d", status->signal);
  text_add(text, ",\"exitedAt\":\"%s\",\"oomKilled\":%s}", status->time, status->oom_killed ? "true" : "false");
}

static void add_health(struct text *text, const struct health *health) {
  text_add(text, ",\"health\":{\"status\":\"%s\",\"failures\":%ld", health_name(health->status), health->failures);
  if (health->has_last) {
    text_add(text, ",\"last\":{\"endedAt\":\"%s\",\"exitCode\":%d,\"output\":", health->last_time, health->last_code);
    text_add_json(text, health->last_output);
    text_add(text, "}");
  }
  text_add(text, "}");
}

static void describe(const struct container *container, struct text *text) {
  text_add(text, "{\"status\":\"%s\",\"bootId\":\"%s\"", word_for(container), boot_id());
  text_add(text, ",\"monitor\":{\"pid\":%d,\"startTicks\":\"%s\"}", (int)getpid(), own_ticks());
  if (container->init > 0)
    text_add(text, ",\"process\":{\"pid\":%d,\"startTicks\":\"%s\"}", (int)container->init, container->init_ticks);
  if (container->started_time[0] != '\0') text_add(text, ",\"startedAt\":\"%s\"", container->started_time);
  if (container->has_exit) add_exit(text, &container->status);
  text_add(text, ",\"restarts\":%ld,\"stopRequested\":%s", container->restart.count, container->stop_requested ? "true" : "false");
  if (command_is_set(&container->health.command)) add_health(text, &container->health);
  text_add(text, "}\n");
}

static bool sync_folder(int folder) {
  int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  bool synced = fsync(fd) == 0;
  close(fd);
  return synced;
}

bool status_write(struct container *container, bool durable) {
  static char bytes[STATUS_MAX];
  /* It has no folder of its own yet: this would be whatever it was started in. */
  if (!container->set_up) return false;
  struct text text = {.bytes = bytes, .size = sizeof bytes};
  int folder = container->record_folder;
  durable = durable && !container->fleeting;
  describe(container, &text);
  int fd = openat(folder, STATUS_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  bool written = !text.full && write(fd, bytes, text.length) == (ssize_t)text.length && (!durable || fsync(fd) == 0);
  written = close(fd) == 0 && written && renameat(folder, STATUS_NEW, folder, STATUS_NAME) == 0;
  if (!written) {
    unlinkat(folder, STATUS_NEW, 0);
    return false;
  }
  if (durable) {
    container->sync_at = 0;
    return sync_folder(folder);
  }
  if (container->sync_at == 0 && !container->fleeting) container->sync_at = now_ms() + SYNC_AFTER_MS;
  return true;
}

void status_sync(struct container *container) {
  if (container->sync_at == 0 || now_ms() < container->sync_at) return;
  container->sync_at = 0;
  int fd = openat(container->record_folder, STATUS_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;
  if (fsync(fd) == 0) sync_folder(container->record_folder);
  close(fd);
}
