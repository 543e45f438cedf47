/*
 * dm-verity: a device that reads another one and checks each block by a tree of hashes, which hangs on one root hash. Options of a
 * storage have Kata's names; the tree lies behind the data, after a superblock, which is not believed: only the root hash is.
 */
#include "files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ENABLED "X-kata.dmverity-enabled="
#define KEY "X-kata.dmverity."
#define CONTROL "/dev/mapper/control"
#define BLOCK 4096
#define SECTOR 512
#define SALT_BYTES_MAX 256

/* A request, and behind it one target with its parameters, or the kernel's answer. */
struct command {
  struct dm_ioctl head;
  struct dm_target_spec target;
  char text[2 * PATH_SIZE + 1024];
};

bool verity_option(const char *option) { return strncmp(option, ENABLED, strlen(ENABLED)) == 0 || strncmp(option, KEY, strlen(KEY)) == 0; }

static bool is_hex(const char *text, size_t least, size_t most) {
  size_t length = strlen(text);
  for (const char *at = text; *at != '\0'; at++) {
    if (!isxdigit((unsigned char)*at)) return false;
  }
  return length % 2 == 0 && length >= least && length <= most;
}

static bool read_offset(const char *text, uint64_t *offset) {
  char *end;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  bool whole = isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0 && number > 0 && number <= INT64_MAX && number % BLOCK == 0;
  *offset = number;
  return whole || fail(CODE_INVALID_ARGUMENT, "\"" KEY "hashoffset=%s\" is no multiple of %d", text, BLOCK);
}

static bool read_value(struct verity *verity, const char *name, const char *value) {
  if (strncmp(name, "roothash=", 9) == 0) {
    if (!is_hex(value, 64, 64)) return fail(CODE_INVALID_ARGUMENT, "the root hash \"%.80s\" is not 64 hexadecimal digits", value);
    return copy(verity->root, sizeof verity->root, value);
  }
  if (strncmp(name, "salt=", 5) == 0) {
    if (!is_hex(value, 0, 2 * SALT_BYTES_MAX)) return fail(CODE_INVALID_ARGUMENT, "the salt \"%.80s\" is not up to %d bytes in hexadecimal digits", value, SALT_BYTES_MAX);
    return copy(verity->salt, sizeof verity->salt, value);
  }
  if (strncmp(name, "hashoffset=", 11) == 0) return read_offset(value, &verity->offset);
  if (strcmp(name, "blocksize=4096") == 0) return true;
  return fail(CODE_UNIMPLEMENTED, "\"" KEY "%s\" is not known", name);
}

bool verity_read(struct view storage, struct verity *verity) {
  char option[PATH_SIZE];
  struct view bytes;
  bool named = false;
  memset(verity, 0, sizeof *verity);
  while (wire_each(&storage, 5, &bytes)) {
    if (bytes.length < strlen(KEY) || memcmp(bytes.at, KEY, strlen(KEY) - 1) != 0) continue;
    if (!wire_text(bytes, "an option of dm-verity", option, sizeof option)) return false;
    if (!verity_option(option)) continue;
    named = true;
    const char *value = strchr(option, '=');
    if (value == NULL) return fail(CODE_INVALID_ARGUMENT, "\"%s\" has no value", option);
    if (strcmp(option, ENABLED "true") == 0) {
      verity->wanted = true;
    } else if (strncmp(option, KEY, strlen(KEY)) != 0) {
      return fail(CODE_INVALID_ARGUMENT, "\"%s\": what has hashes is checked", option);
    } else if (!read_value(verity, option + strlen(KEY), value + 1)) {
      return false;
    }
  }
  /* Half of it would be a disk that nobody checks. */
  bool whole = verity->wanted && verity->root[0] != '\0' && verity->offset != 0;
  return !named || whole || fail(CODE_INVALID_ARGUMENT, "dm-verity needs \"" ENABLED "true\", \"" KEY "roothash\" and \"" KEY "hashoffset\"");
}

static void begin(struct command *command, unsigned number, uint32_t flags) {
  memset(command, 0, sizeof *command);
  command->head.version[0] = DM_VERSION_MAJOR;
  command->head.data_size = sizeof *command;
  command->head.data_start = offsetof(struct command, target);
  command->head.flags = flags;
  snprintf(command->head.name, sizeof command->head.name, "layer-%u", number);
}

static bool ask(int control, unsigned long verb, struct command *command) { return ioctl(control, (int)verb, command) == 0; }

/* The kernel's, which has given the mapping a device. */
static unsigned minor_of(uint64_t device) { return (unsigned)((device & 0xff) | ((device >> 12) & 0xfff00)); }

static bool set_up(int control, const struct verity *verity, unsigned number, char device[PATH_SIZE]) {
  static struct command command;
  uint64_t blocks = verity->offset / BLOCK;
  begin(&command, number, DM_READONLY_FLAG);
  if (!ask(control, DM_DEV_CREATE, &command)) return fail_errno("make a device for \"%s\" to be checked by", device);
  begin(&command, number, DM_READONLY_FLAG);
  command.head.target_count = 1;
  command.target.length = verity->offset / SECTOR;
  strcpy(command.target.target_type, "verity");
  const char *salt = verity->salt[0] == '\0' ? "-" : verity->salt;
  if (!print(command.text, sizeof command.text, "1 %s %s %d %d %llu %llu sha256 %s %s", device, device, BLOCK, BLOCK, (unsigned long long)blocks,
             (unsigned long long)blocks + 1, verity->root, salt))
    return fail(CODE_INVALID_ARGUMENT, "\"%s\" is too long", device);
  if (!ask(control, DM_TABLE_LOAD, &command)) return fail_errno("check \"%s\" by dm-verity (\"%.300s\"; is DM_VERITY in the guest's kernel?)", device, command.text);
  begin(&command, number, 0);
  if (!ask(control, DM_DEV_SUSPEND, &command)) return fail_errno("begin to check \"%s\" by dm-verity", device);
  return print(device, PATH_SIZE, "/dev/dm-%u", minor_of(command.head.dev));
}

static int open_control(void) {
  int control = open(CONTROL, O_RDWR | O_CLOEXEC);
  if (control < 0) fail_errno("open \"" CONTROL "\" for dm-verity (is BLK_DEV_DM in the guest's kernel, or dm-mod among the modules of its image?)");
  return control;
}

bool verity_open(const struct verity *verity, char device[PATH_SIZE], unsigned *number) {
  static unsigned last;
  int control = modules_load(MODULES_OF_VERITY) ? open_control() : -1;
  if (control < 0) return false;
  *number = ++last;
  bool done = set_up(control, verity, *number, device);
  close(control);
  if (!done) verity_close(*number);
  return done;
}

bool verity_found_damage(unsigned number) {
  static struct command command;
  int control = open(CONTROL, O_RDWR | O_CLOEXEC);
  if (control < 0) return false;
  begin(&command, number, 0);
  bool damaged = ask(control, DM_TABLE_STATUS, &command) && command.head.target_count == 1 && command.text[0] == 'C';
  close(control);
  return damaged;
}

void verity_close(unsigned number) {
  static struct command command;
  int control = open(CONTROL, O_RDWR | O_CLOEXEC);
  if (control < 0) return;
  /* A mount namespace of a container goes some time after its last process, and holds the file system until then. */
  begin(&command, number, DM_DEFERRED_REMOVE);
  ask(control, DM_DEV_REMOVE, &command);
  close(control);
}
