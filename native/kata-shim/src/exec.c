#include "main.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXEC_LIMIT_MS 55000
#define BIND_LIMIT_MS 10000
#define EXEC_ID_BYTES 16
#define EXEC_ID_FIELD 2

/* The encoded request with the exec id added; to be freed. NULL: why not is in *reason. */
static unsigned char *read_request(const char *file, const char *exec_id, size_t *length, struct text *reason) {
  char path[4096];
  struct stat info;
  if ((size_t)snprintf(path, sizeof path, "%s.pb", file) >= sizeof path) path[0] = '\0';
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  bool fits = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= (off_t)(FRAME_MAX - REQUEST_ROOM - ID_SIZE);
  size_t size = fits ? (size_t)info.st_size : 0;
  unsigned char *bytes = fits ? malloc(size + ID_SIZE) : NULL;
  struct wire_out message = {.bytes = bytes, .size = size + ID_SIZE};
  while (bytes != NULL && message.length < size) {
    ssize_t got = read(fd, bytes + message.length, size - message.length);
    if (got <= 0) break;
    message.length += (size_t)got;
  }
  if (bytes == NULL || message.length < size) {
    text_add(reason, "the request \"%s\" cannot be read: %s", path, fd < 0 ? strerror(errno) : "it is no file of at most 4 MiB");
    free(bytes);
    bytes = NULL;
  } else if (exec_id != NULL) {
    wire_put_text(&message, EXEC_ID_FIELD, exec_id);
  }
  close_one(&fd);
  *length = message.length;
  return bytes;
}

static bool make_exec_id(char id[2 * EXEC_ID_BYTES + 1]) {
  unsigned char bytes[EXEC_ID_BYTES];
  if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) return false;
  for (size_t i = 0; i < sizeof bytes; i++) snprintf(id + 2 * i, 3, "%02x", bytes[i]);
  return true;
}

/* Everything up to the running process. False: why not is in *reason. */
static bool begin(struct connection *connection, const struct options *options, const struct folder *folder, const char *exec_id, struct text *reason) {
  size_t length;
  unsigned char *request = read_request(options->process, exec_id, &length, reason);
  if (request == NULL) return false;
  bool begun = connection_open(connection, folder, reason) && connection_bound(connection, exec_id, BIND_LIMIT_MS, reason);
  const char *wrong = begun && options->console_socket != NULL ? terminal_make(options->console_socket) : NULL;
  if (wrong != NULL) text_add(reason, "%s: %s", wrong, strerror(errno));
  begun = begun && wrong == NULL && connection_call(connection, "ExecProcess", request, length, EXEC_LIMIT_MS, reason);
  free(request);
  return begun;
}

int verb_exec(const struct options *options, struct folder *folder) {
  static struct connection connection;
  char reason[REASON_SIZE] = "", exec_id[2 * EXEC_ID_BYTES + 1];
  struct text text = {.bytes = reason, .size = sizeof reason};
  if (options->process == NULL) return report("exec: expected --process FILE");
  if (options->console_socket != NULL && !options->detach) return report("exec: --console-socket needs --detach");
  if (!make_exec_id(exec_id)) return report_errno("getrandom");
  pid_t pid = options->detach ? handover(&text) : 0;
  if (pid < 0) return report("%s", reason);
  if (pid > 0) return write_pid(options->pid_file, pid) ? 0 : report_errno("writing \"%s\"", options->pid_file);
  const struct target target = {.folder = folder, .process = exec_id, .terminal = options->console_socket != NULL, .records = options->detach};
  int signals = signals_open();
  if (options->detach) close_inherited();
  bool ready = signals >= 0 && cgroups_join(folder);
  if (!ready) text_add(&text, "the limits of container \"%s\": %s", folder->id, strerror(errno));
  if (!ready || !begin(&connection, options, folder, exec_id, &text)) {
    if (options->detach) handover_failed(reason);
    return report("%s", reason);
  }
  if (options->detach) handover_done();
  pump_run(&connection, &target, signals);
}

int verb_update(const struct options *options, struct folder *folder) {
  static struct connection connection;
  char reason[REASON_SIZE] = "";
  struct text text = {.bytes = reason, .size = sizeof reason};
  size_t length;
  if (options->resources == NULL) return report("update: expected --resources FILE");
  unsigned char *request = read_request(options->resources, NULL, &length, &text);
  bool updated = request != NULL && connection_open(&connection, folder, &text) && connection_call(&connection, "UpdateContainer", request, length, BIND_LIMIT_MS, &text);
  free(request);
  return updated ? 0 : report("%s", reason);
}
