#include "main.h"
#include "process.h"
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAN_NAME "vm.plan"
#define BIND_LIMIT_MS 20000
#define CLEAN_LIMIT_MS 5000

bool write_pid(const char *path, pid_t pid) {
  char text[16];
  if (path == NULL) return true;
  snprintf(text, sizeof text, "%d", (int)pid);
  return write_text(AT_FDCWD, path, text);
}

/* The daemon's next word. False: it is none of success, and is in *reason. */
static bool word_of(int from, struct text *reason) {
  char word[REASON_SIZE];
  size_t length = 0;
  while (length < sizeof word) {
    ssize_t got = read(from, word + length, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (word[length++] == '\0') break;
  }
  if (length == 1 && word[0] == '\0') return true;
  text_add(reason, "%.*s", (int)length, length == 0 ? "" : word);
  if (length == 0) text_add(reason, "the daemon of the virtual machine was killed");
  return false;
}

static int give_up(struct folder *folder, pid_t daemon, const struct text *reason) {
  if (daemon > 0) {
    kill(daemon, SIGKILL);
    while (waitpid(daemon, NULL, 0) < 0 && errno == EINTR) continue;
  }
  bool ended = processes_kill(folder, CLEAN_LIMIT_MS);
  ended = cgroups_remove(folder, CLEAN_LIMIT_MS) && ended;
  folder_remove(folder);
  return report("%s%s", reason->bytes, ended ? "" : " (and not all of it could be ended)");
}

/* In a process of its own: what the container is on the host. */
static _Noreturn void become_container(const struct folder *folder, const char *console_socket) {
  static struct connection connection;
  char reason[REASON_SIZE] = "";
  struct text text = {.bytes = reason, .size = sizeof reason};
  const struct target target = {.folder = folder, .process = folder->id, .terminal = console_socket != NULL, .records = true};
  int signals = signals_open();
  if (signals < 0 || !cgroups_join(folder) || !process_note(folder, "init", getpid())) {
    text_add(&text, "the container's process: %s", strerror(errno));
    handover_failed(reason);
  }
  if (!connection_open(&connection, folder, &text) || !connection_bound(&connection, folder->id, BIND_LIMIT_MS, &text)) handover_failed(reason);
  const char *wrong = console_socket == NULL ? NULL : terminal_make(console_socket);
  if (wrong != NULL) {
    text_add(&text, "%s: %s", wrong, strerror(errno));
    handover_failed(reason);
  }
  handover_done();
  pump_run(&connection, &target, signals);
}

int verb_create(const struct options *options, struct folder *folder) {
  char reason[REASON_SIZE] = "";
  struct text text = {.bytes = reason, .size = sizeof reason};
  struct plan plan = {0};
  int ends[2];
  if (folder->fd >= 0) return report("container with given ID already exists: \"%s\"", folder->id);
  /* Of an earlier run. */
  unlink("ended");
  if (!plan_open(&plan, PLAN_NAME, &text)) return report("%s", reason);
  if (!folder_make(folder)) return report_errno("the folder of container \"%s\" in \"%s\"", folder->id, folder->root);
  if (!write_text(folder->fd, "bundle", options->bundle == NULL ? "." : options->bundle) || pipe2(ends, O_CLOEXEC) < 0) {
    text_add(&text, "container \"%s\": %s", folder->id, strerror(errno));
    return give_up(folder, 0, &text);
  }
  pid_t parent = getpid(), daemon = fork();
  if (daemon == 0) {
    close(ends[0]);
    daemon_run(folder, &plan, ends[1], parent);
  }
  close(ends[1]);
  plan_close(&plan);
  if (daemon < 0) text_add(&text, "fork: %s", strerror(errno));
  if (daemon < 0 || !word_of(ends[0], &text)) return give_up(folder, daemon, &text);
  pid_t container = handover(&text);
  if (container == 0) {
    /* What the monitor holds as long as something is made is not the container's. */
    close_inherited();
    close(ends[0]);
    become_container(folder, options->console_socket);
  }
  if (container < 0 || !word_of(ends[0], &text)) return give_up(folder, daemon, &text);
  if (!write_pid(options->pid_file, container)) {
    text_add(&text, "writing \"%s\": %s", options->pid_file, strerror(errno));
    return give_up(folder, daemon, &text);
  }
  return 0;
}

int verb_probe(const struct options *options, struct folder *folder) {
  static struct vm vm;
  char reason[REASON_SIZE] = "";
  struct text text = {.bytes = reason, .size = sizeof reason};
  struct plan plan = {0};
  (void)folder;
  if (!plan_open(&plan, options->rest[0], &text)) return report("%s", reason);
  if (!vm_open(&vm, "probe", NULL)) return report_errno("probe");
  bool well = creation_run(&vm, &plan, &text);
  vm_kill(&vm);
  return well ? 0 : report("%s", reason);
}
