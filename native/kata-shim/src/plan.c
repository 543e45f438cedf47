#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of one of the two parts of an `either`. */
#define STEPS_MAX 1000
#define FILE_SIZE_MAX (1l << 60)

static const struct {
  const char *name;
  size_t least, most;
} verbs[VERBS] = {
    [VERB_EITHER] = {"either", 3, 3},
    [VERB_CGROUP] = {"cgroup", 1, 1},
    [VERB_WRITE] = {"write", 2, 2},
    [VERB_USER] = {"user", 3, 3},
    [VERB_SHOW] = {"show", 1, 1},
    [VERB_FILE_SIZE] = {"file-size", 1, 1},
    [VERB_FILE] = {"file", 3, 3},
    [VERB_TAP] = {"tap", 3, 3},
    [VERB_HELPER] = {"helper", 2, STEP_STRINGS},
    [VERB_QEMU] = {"qemu", 1, STEP_STRINGS},
    [VERB_BOOT_LIMIT] = {"boot-limit", 1, 1},
    [VERB_QMP] = {"qmp", 1, 1},
    [VERB_GETFD] = {"getfd", 2, 2},
    [VERB_WAIT_MIGRATION] = {"wait-migration", 0, 0},
    [VERB_HELLO] = {"hello", 0, 0},
    [VERB_CLOCK] = {"clock", 0, 0},
    [VERB_RANDOM] = {"random", 0, 0},
    [VERB_CALL] = {"call", 2, 2},
    [VERB_RENAME] = {"rename", 2, 2},
};

/* NULL, or what is wrong with the frame. */
static const char *parse(const char *at, size_t length, struct step *step) {
  const char *end = at + length;
  step->count = 0;
  step->payload = NULL;
  step->payload_length = 0;
  step->verb = VERBS;
  while (at < end) {
    const char *nul = memchr(at, '\0', (size_t)(end - at));
    if (nul == NULL) return "a string without its end";
    if (step->verb == VERBS) {
      for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(at, verbs[i].name) == 0) step->verb = (enum verb)i;
      }
      if (step->verb == VERBS) return "an unknown verb";
    } else {
      if (step->count == STEP_STRINGS) return "too many arguments";
      /* For execve, whose argv is not const; nothing writes to it. */
      step->strings[step->count++] = (char *)(uintptr_t)at;
    }
    at = nul + 1;
    if (step->verb == VERB_CALL && step->count == verbs[VERB_CALL].most) {
      step->payload = at;
      step->payload_length = (size_t)(end - at);
      break;
    }
  }
  if (step->verb == VERBS) return "no verb";
  step->strings[step->count] = NULL;
  return step->count < verbs[step->verb].least || step->count > verbs[step->verb].most ? "a wrong number of arguments" : NULL;
}

static const char *check_number(const struct step *step) {
  long number;
  switch (step->verb) {
    case VERB_EITHER:
      return number_of(step->strings[0], 1, STEPS_MAX, &number) && number_of(step->strings[1], 1, STEPS_MAX, &number) ? NULL : "numbers of steps that are none";
    case VERB_FILE:
    case VERB_TAP:
    case VERB_GETFD:
      return number_of(step->strings[0], FD_MIN, FD_MAX, &number) ? NULL : "a descriptor's number that is not from 3 to 255";
    case VERB_USER:
      if (!number_of(step->strings[0], 1, INT32_MAX, &number) || !number_of(step->strings[1], 1, INT32_MAX, &number)) return "a user or group that is none, or root";
      return NULL;
    case VERB_FILE_SIZE:
      return number_of(step->strings[0], 1, FILE_SIZE_MAX, &number) ? NULL : "a file's size that is none";
    case VERB_BOOT_LIMIT:
      return number_of(step->strings[0], 1, 3600000, &number) ? NULL : "a limit that is not from 1 to 3600000 ms";
    default:
      return NULL;
  }
}

struct order {
  size_t number; /* of the step, from 1 */
  bool has_qemu;
  bool has_either;
  size_t instead_from, instead_to; /* the steps that are done instead of others: with a machine of their own */
};

/* NULL, or what is wrong with what comes where. */
static const char *check_order(const struct step *step, struct order *order) {
  size_t tried, instead;
  bool before = step->verb <= VERB_BOOT_LIMIT;
  if (order->number == order->instead_from) {
    if (!order->has_qemu) return "no qemu among what is tried before it";
    order->has_qemu = false;
  }
  if (order->number == order->instead_to && !order->has_qemu) return "no qemu among what is done instead before it";
  if (before && order->has_qemu) return "more of it after qemu";
  if (!before && !order->has_qemu) return "no qemu before it";
  if (step->verb == VERB_QEMU) order->has_qemu = true;
  if (step->verb != VERB_EITHER) return NULL;
  if (order->has_either) return "a second either";
  plan_either(step, &tried, &instead);
  order->has_either = true;
  order->instead_from = order->number + 1 + tried;
  order->instead_to = order->instead_from + instead;
  return NULL;
}

static uint32_t length_at(const char *bytes) {
  const unsigned char *at = (const unsigned char *)bytes;
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool check(const struct plan *plan, struct text *reason) {
  static struct step step;
  struct order order = {.number = 1};
  for (size_t at = 0; at < plan->size; order.number++) {
    const char *wrong = NULL;
    size_t left = plan->size - at;
    uint32_t length = left < 4 ? 0 : length_at(plan->bytes + at);
    if (length == 0 || length > left - 4) wrong = "a length that is not that of what follows";
    if (wrong == NULL) wrong = parse(plan->bytes + at + 4, length, &step);
    if (wrong == NULL) wrong = check_number(&step);
    if (wrong == NULL) wrong = check_order(&step, &order);
    if (wrong != NULL) {
      text_add(reason, "step %zu of the plan has %s", order.number, wrong);
      return false;
    }
    at += 4 + (size_t)length;
  }
  bool whole = order.has_qemu && order.instead_to <= order.number;
  if (!whole) text_add(reason, order.has_qemu ? "the plan ends before what is done instead" : "the plan has no qemu");
  return whole;
}

/* Whoever can write it is root for us. */
static bool trusted(const struct stat *info) { return S_ISREG(info->st_mode) && info->st_uid == geteuid() && (info->st_mode & 022) == 0; }

bool plan_open(struct plan *plan, const char *path, struct text *reason) {
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &info) < 0) {
    text_add(reason, "the plan \"%s\" cannot be read: %s", path, strerror(errno));
    close_one(&fd);
    return false;
  }
  void *bytes = MAP_FAILED;
  if (!trusted(&info)) {
    text_add(reason, "the plan \"%s\" is no file that belongs to user %u alone", path, (unsigned)geteuid());
  } else if (info.st_size == 0 || (uint64_t)info.st_size > PLAN_MAX) {
    text_add(reason, "the plan \"%s\" has %lld bytes, not 1 to %u", path, (long long)info.st_size, PLAN_MAX);
  } else {
    bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) text_add(reason, "the plan \"%s\" cannot be mapped: %s", path, strerror(errno));
  }
  close(fd);
  if (bytes == MAP_FAILED) return false;
  *plan = (struct plan){.bytes = bytes, .size = (size_t)info.st_size};
  return check(plan, reason);
}

void plan_close(struct plan *plan) {
  if (plan->bytes != NULL) munmap((void *)(uintptr_t)plan->bytes, plan->size);
  *plan = (struct plan){0};
}

void plan_either(const struct step *step, size_t *tried, size_t *instead) {
  *tried = (size_t)atol(step->strings[0]);
  *instead = (size_t)atol(step->strings[1]);
}

bool plan_next(const struct plan *plan, size_t *offset, struct step *step) {
  if (*offset >= plan->size) return false;
  uint32_t length = length_at(plan->bytes + *offset);
  bool whole = parse(plan->bytes + *offset + 4, length, step) == NULL;
  *offset += 4 + (size_t)length;
  return whole;
}
