#include "main.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define START_LIMIT_MS 28000
#define QUERY_LIMIT_MS 9000
/* More than the daemon needs to let the guest write out what it has. */
#define DAEMON_LIMIT_MS 11000
#define KILL_LIMIT_MS 5000

static bool ask(const struct folder *folder, const char *method, const struct wire_out *message, int64_t limit_ms, struct text *reason) {
  static struct connection connection;
  return connection_open(&connection, folder, reason) && connection_call(&connection, method, message->bytes, message->length, limit_ms, reason);
}

static int ask_of_container(const struct folder *folder, const char *method, int64_t limit_ms) {
  unsigned char bytes[2 * ID_SIZE];
  char reason[REASON_SIZE] = "";
  struct text text = {.bytes = reason, .size = sizeof reason};
  struct wire_out message = {.bytes = bytes, .size = sizeof bytes};
  wire_put_text(&message, 1, folder->id);
  return ask(folder, method, &message, limit_ms, &text) ? 0 : report("%s", reason);
}

int verb_start(const struct options *options, struct folder *folder) {
  (void)options;
  int failed = ask_of_container(folder, "StartContainer", START_LIMIT_MS);
  if (failed == 0) write_text(folder->fd, "started", "");
  return failed;
}

int verb_pause(const struct options *options, struct folder *folder) {
  (void)options;
  int failed = ask_of_container(folder, "PauseContainer", QUERY_LIMIT_MS);
  if (failed == 0) write_text(folder->fd, "paused", "");
  return failed;
}

int verb_resume(const struct options *options, struct folder *folder) {
  (void)options;
  int failed = ask_of_container(folder, "ResumeContainer", QUERY_LIMIT_MS);
  if (failed == 0) unlinkat(folder->fd, "paused", 0);
  return failed;
}

int verb_kill(const struct options *options, struct folder *folder) {
  unsigned char bytes[3 * ID_SIZE];
  char reason[REASON_SIZE] = "";
  struct text text = {.bytes = reason, .size = sizeof reason};
  const char *name = options->rest_count > 1 ? options->rest[1] : "TERM";
  int number = signal_of(name);
  if (number == 0) return report("\"%s\" is no signal", name);
  struct wire_out message = {.bytes = bytes, .size = sizeof bytes};
  wire_put_text(&message, 1, folder->id);
  if (!options->all) wire_put_text(&message, 2, folder->id);
  wire_put_number(&message, 3, (uint64_t)number);
  return ask(folder, "SignalProcess", &message, QUERY_LIMIT_MS, &text) ? 0 : report("%s", reason);
}

int verb_state(const struct options *options, struct folder *folder) {
  char line[16384], bundle[4096];
  struct text text = {.bytes = line, .size = sizeof line};
  (void)options;
  pid_t pid = process_find(folder, "init");
  const char *status = pid == 0 ? "stopped" : folder_has(folder, "paused") ? "paused" : folder_has(folder, "started") ? "running" : "created";
  read_text(folder->fd, "bundle", bundle, sizeof bundle);
  text_add(&text, "{\"ociVersion\":\"1.0.2\",\"id\":");
  text_add_json(&text, folder->id);
  text_add(&text, ",\"status\":\"%s\",\"pid\":%d,\"bundle\":", status, (int)pid);
  text_add_json(&text, bundle);
  text_add(&text, "}");
  return text.full || puts(line) < 0;
}

int verb_delete(const struct options *options, struct folder *folder) {
  if (folder->fd < 0) return 0;
  bool runs = process_find(folder, "init") != 0;
  if (runs && !options->force) return report("cannot delete container \"%s\" that is not stopped", folder->id);
  /* First the container's process: its end is what the daemon ends the guest for. Before there is one, there is nothing to write out. */
  bool ended = processes_kill_named(folder, "init", KILL_LIMIT_MS);
  if (process_noted(folder, "init")) process_wait(folder, "vm", DAEMON_LIMIT_MS);
  ended = processes_kill(folder, KILL_LIMIT_MS) && ended;
  ended = cgroups_remove(folder, KILL_LIMIT_MS) && ended;
  if (!ended) return report("container \"%s\": its processes do not end", folder->id);
  return folder_remove(folder) ? 0 : report_errno("the folder of container \"%s\" in \"%s\"", folder->id, folder->root);
}
