/* The plan, step by step. Whatever has to be waited for keeps the whole machine going meanwhile. */
#include "creation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_LIMIT_MS 50000
#define LOCK_LIMIT_MS 2000

bool creation_failed(struct creation *creation, const char *what, const char *name, int error) {
  text_add(creation->reason, "%s \"%s\"", what, name);
  if (error != 0) text_add(creation->reason, ": %s", strerror(error));
  return false;
}

bool creation_wait(struct creation *creation, int64_t wake_at) {
  struct vm *vm = creation->vm;
  struct text *reason = creation->reason;
  int64_t now = now_ms();
  if (vm->terminated) {
    text_add(reason, "the creation was ended by a signal");
  } else if (vm_failed(vm, reason)) {
    text_add(reason, " while %s was waited for", creation->waits_for);
    vm_last_words(vm, reason);
  } else if (now >= creation->deadline) {
    text_add(reason, "the virtual machine was not there within %lld ms: waiting for %s", (long long)creation->limit_ms, creation->waits_for);
    vm_last_words(vm, reason);
  } else {
    vm_step(vm, wake_at >= 0 && wake_at < creation->deadline ? wake_at : creation->deadline);
    return true;
  }
  return false;
}

static bool make_cgroup(struct creation *creation, const char *directory) {
  struct stat info;
  if (creation->cgroup_count == CGROUPS_MAX) return creation_failed(creation, "too many cgroups:", directory, 0);
  creation->cgroups[creation->cgroup_count++] = directory;
  bool there = creation->vm->folder == NULL ? stat(directory, &info) == 0 : cgroup_make(creation->vm->folder, directory);
  return there || creation_failed(creation, "making the cgroup", directory, errno);
}

bool creation_join_cgroups(struct creation *creation) {
  for (size_t i = 0; i < creation->cgroup_count; i++) {
    if (!cgroup_join(creation->cgroups[i])) return creation_failed(creation, "moving into the cgroup", creation->cgroups[i], errno);
  }
  creation->cgroup_count = 0;
  return true;
}

static bool write_file(struct creation *creation, const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool written = fd >= 0 && write_all(fd, text, strlen(text));
  int error = errno;
  close_one(&fd);
  if (written) return true;
  text_add(creation->reason, "writing \"%s\" to ", text);
  return creation_failed(creation, "the file", path, error);
}

static bool give(struct creation *creation, const char *number, int fd, const char *name) {
  int error = errno;
  if (fd < 0) return creation_failed(creation, "opening", name, error);
  if (creation->given_count == GIVEN_MAX) {
    close(fd);
    return creation_failed(creation, "too many files:", name, 0);
  }
  creation->given[creation->given_count++] = (struct given){.number = atoi(number), .fd = fd};
  return true;
}

/* Who writes to a file system in a file has a lock of it, which goes with its last descriptor: two would ruin it. A mount of this host that has ended lets go a moment later. */
static bool lock_file(int fd) {
  for (int64_t deadline = now_ms() + LOCK_LIMIT_MS; flock(fd, LOCK_EX | LOCK_NB) != 0;) {
    if (errno != EWOULDBLOCK || now_ms() >= deadline) return false;
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  }
  return true;
}

static bool open_file(struct creation *creation, char *const strings[]) {
  int access = strcmp(strings[2], "ro") == 0 ? O_RDONLY : strcmp(strings[2], "rw") == 0 ? O_RDWR : O_RDWR | O_CREAT | O_EXCL;
  if (access > O_RDWR && strcmp(strings[2], "new") != 0) return creation_failed(creation, "a file is to be opened as", strings[2], 0);
  int fd = open(strings[1], access | O_CLOEXEC, 0600);
  if (fd >= 0 && access != O_RDONLY && !lock_file(fd)) {
    int error = errno;
    close(fd);
    return creation_failed(creation, error == EWOULDBLOCK ? "somebody else writes to" : "locking", strings[1], error == EWOULDBLOCK ? 0 : error);
  }
  return give(creation, strings[0], fd, strings[1]);
}

static bool show_file(struct creation *creation, const char *path) {
  struct jail *jail = &creation->jail;
  if (path[0] != '/' || jail->shown_count == SHOWN_MAX) return creation_failed(creation, "cannot be shown to QEMU:", path, 0);
  jail->shown[jail->shown_count++] = path;
  return true;
}

static bool start_qemu(struct creation *creation, char *const argv[]) {
  struct vm *vm = creation->vm;
  int error;
  if (geteuid() == 0 && !creation->jail.user.set) return creation_failed(creation, "QEMU is not run as root, and the plan names no user:", argv[0], 0);
  if (!creation_join_cgroups(creation)) return false;
  const char *what = vm_start(vm, argv, &creation->jail, creation->given, creation->given_count, creation->helpers, &error);
  for (size_t i = 0; i < vm->helper_count; i++) close_one(&creation->helpers[i]);
  if (what != NULL) {
    text_add(creation->reason, "%s: ", what);
    return creation_failed(creation, "starting", argv[0], error);
  }
  creation->deadline = now_ms() + creation->limit_ms;
  return vm->folder == NULL || process_note(vm->folder, "qemu", vm->qemu) || vm->qemu_ended || creation_failed(creation, "noting", "processes", errno);
}

static bool run(struct creation *creation, const struct step *step) {
  char *const *strings = step->strings;
  switch (step->verb) {
    case VERB_CGROUP:
      return make_cgroup(creation, strings[0]);
    case VERB_WRITE:
      return write_file(creation, strings[0], strings[1]);
    case VERB_USER:
      return user_parse(&creation->jail.user, strings) || creation_failed(creation, "no user:", strings[0], 0);
    case VERB_SHOW:
      return show_file(creation, strings[0]);
    case VERB_FILE_SIZE:
      creation->jail.file_size = atoll(strings[0]);
      return true;
    case VERB_FILE:
      return open_file(creation, strings);
    case VERB_TAP:
      return give(creation, strings[0], tap_open(strings[1], strings[2]), strings[2]);
    case VERB_HELPER:
      return helper_start(creation, strings);
    case VERB_QEMU:
      return start_qemu(creation, strings);
    case VERB_BOOT_LIMIT:
      creation->limit_ms = atol(strings[0]);
      return true;
    case VERB_QMP:
      return say_qmp(creation, strings[0], -1);
    case VERB_GETFD:
      return say_getfd(creation, strings);
    case VERB_WAIT_MIGRATION:
      return say_migration(creation);
    case VERB_HELLO:
      return say_hello(creation);
    case VERB_CLOCK:
      return say_clock(creation);
    case VERB_RANDOM:
      return say_random(creation);
    case VERB_CALL:
      return say_call(creation, strings[0], strings[1], step->payload, step->payload_length);
    case VERB_RENAME:
      return rename(strings[0], strings[1]) == 0 || creation_failed(creation, "renaming", strings[0], errno);
    default:
      return false;
  }
}

static void close_given(struct creation *creation) {
  for (size_t i = 0; i < creation->given_count; i++) close_one(&creation->given[i].fd);
  creation->given_count = 0;
}

/* Steps that may fail, and how many others are done then. */
struct attempt {
  size_t left, instead;
  const char *note;
  int64_t limit_ms;
};

static void skip(const struct plan *plan, size_t *offset, size_t count) {
  static struct step passed;
  while (count-- > 0) plan_next(plan, offset, &passed);
}

/* Nothing of what was tried may be left: the disks have locks. Whoever made the plan finds the reason in a file. */
static bool begin_again(struct creation *creation, const char *note) {
  struct text *reason = creation->reason;
  write_text(AT_FDCWD, note, reason->bytes);
  reason->length = 0;
  reason->bytes[0] = '\0';
  close_given(creation);
  creation->jail = (struct jail){0};
  return vm_begin_again(creation->vm) || creation_failed(creation, "beginning again after", note, errno);
}

bool creation_run(struct vm *vm, const struct plan *plan, struct text *reason) {
  static struct creation creation;
  static struct step step;
  struct attempt attempt = {0};
  creation = (struct creation){.vm = vm, .reason = reason, .limit_ms = DEFAULT_LIMIT_MS};
  bool well = true;
  for (size_t offset = 0; well && plan_next(plan, &offset, &step);) {
    if (step.verb == VERB_EITHER) {
      plan_either(&step, &attempt.left, &attempt.instead);
      attempt.note = step.strings[2];
      attempt.limit_ms = creation.limit_ms;
      continue;
    }
    well = run(&creation, &step);
    if (attempt.left == 0) continue;
    attempt.left--;
    if (!well && !vm->terminated) {
      well = begin_again(&creation, attempt.note);
      skip(plan, &offset, attempt.left);
      attempt.left = 0;
    } else if (attempt.left == 0) {
      skip(plan, &offset, attempt.instead);
      creation.limit_ms = attempt.limit_ms;
      creation.deadline = now_ms() + attempt.limit_ms;
    }
  }
  close_given(&creation);
  return well;
}
