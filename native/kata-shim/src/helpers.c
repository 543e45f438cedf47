/* What QEMU needs beside it, as virtiofsd: with one socket between the two, which we make or wait for. */
#include "creation.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In its arguments: the socket, listening already. */
#define LISTENER "@listen@"

/* A socket that the helper finds open, and nobody else finds: then there is nothing to wait for. */
static int listen_for(const char *path) {
  char folder[4096], name[4096];
  if (!copy(folder, sizeof folder, path) || !copy(name, sizeof name, path)) return -1;
  int in = open(dirname(folder), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (in < 0) return -1;
  /* Of an earlier run. */
  unlinkat(in, basename(name), 0);
  int fd = listen_in(in, basename(name));
  close(in);
  return fd;
}

static bool has_listener(char *const argv[]) {
  for (; *argv != NULL; argv++) {
    if (strstr(*argv, LISTENER) != NULL) return true;
  }
  return false;
}

static int run_helper(struct creation *creation, char *const argv[], int listener, pid_t *pid, const char **what) {
  struct given given = {.number = FD_MIN, .fd = listener};
  struct channel channel = {.name = LISTENER, .number = FD_MIN};
  char **numbered = with_numbers(argv, &channel, 1);
  if (numbered == NULL) return ENOMEM;
  struct program program = {.argv = numbered, .given = &given, .given_count = listener >= 0, .output = creation->vm->words_write};
  int error = program_start(&program, pid, what);
  free(numbered[0]);
  free(numbered);
  return error;
}

bool helper_start(struct creation *creation, char *const strings[]) {
  struct vm *vm = creation->vm;
  const char *what = "with_numbers", *path = strings[0];
  size_t index = vm->helper_count;
  bool listens = has_listener(strings + 1);
  if (index == HELPERS_MAX) return creation_failed(creation, "too many helpers:", strings[1], 0);
  if (!creation_join_cgroups(creation)) return false;
  int listener = listens ? listen_for(path) : -1;
  if (listens && listener < 0) return creation_failed(creation, "listening on", path, errno);
  int error = run_helper(creation, strings + 1, listener, &vm->helpers[index], &what);
  close_one(&listener);
  if (error != 0) {
    vm->helpers[index] = 0;
    text_add(creation->reason, "%s: ", what);
    return creation_failed(creation, "starting", strings[1], error);
  }
  vm->helper_count++;
  if (vm->folder != NULL) process_note(vm->folder, "helper", vm->helpers[index]);
  creation->waits_for = path;
  creation->deadline = now_ms() + creation->limit_ms;
  while ((creation->helpers[index] = connect_by_path(path)) < 0) {
    if (!creation_wait(creation, now_ms() + LOOK_AGAIN_MS)) return false;
  }
  unlink(path);
  return true;
}
