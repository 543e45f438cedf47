/* Disks by their serial number: the order of their names is not the order in which they were given. */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BY_ID "/dev/disk/by-id/virtio-"
#define WAIT_MS 5000
/* What virtio-blk has room for. */
#define SERIAL_MAX 20

struct wanted {
  char serial[SERIAL_MAX + 1];
  long part; /* 0: the whole disk */
};

static bool parse(const char *source, struct wanted *wanted) {
  size_t skip = strlen(BY_ID);
  if (strncmp(source, BY_ID, skip) != 0) return fail(CODE_INVALID_ARGUMENT, "\"%s\" is not " BY_ID "SERIAL", source);
  const char *serial = source + skip, *part = NULL;
  for (const char *at = serial; (at = strstr(at, "-part")) != NULL; at += 5) part = at;
  wanted->part = 0;
  if (part != NULL && !number_of(part + 5, 1, 128, &wanted->part)) part = NULL;
  size_t length = part == NULL ? strlen(serial) : (size_t)(part - serial);
  if (length == 0 || length > SERIAL_MAX) return fail(CODE_INVALID_ARGUMENT, "\"%s\": a serial number has 1 to %d characters", source, SERIAL_MAX);
  memcpy(wanted->serial, serial, length);
  wanted->serial[length] = '\0';
  return true;
}

static bool has_serial(const char *disk, const char *serial) {
  char path[320], text[64];
  snprintf(path, sizeof path, "/sys/block/%.255s/serial", disk);
  if (read_text(-1, path, text, sizeof text) < 0) return false;
  trim(text);
  return strcmp(text, serial) == 0;
}

static bool look(const struct wanted *wanted, char device[PATH_SIZE]) {
  struct stat status;
  DIR *disks = opendir("/sys/block");
  bool found = false;
  for (struct dirent *entry; disks != NULL && !found && (entry = readdir(disks)) != NULL;) {
    if (entry->d_name[0] == '.' || !has_serial(entry->d_name, wanted->serial)) continue;
    if (wanted->part == 0) {
      print(device, PATH_SIZE, "/dev/%s", entry->d_name);
    } else {
      print(device, PATH_SIZE, "/dev/%s%ld", entry->d_name, wanted->part);
    }
    found = stat(device, &status) == 0 && S_ISBLK(status.st_mode);
  }
  if (disks != NULL) closedir(disks);
  return found;
}

bool disk_find(const char *source, char device[PATH_SIZE]) {
  struct wanted wanted;
  if (!parse(source, &wanted) || !modules_load(MODULES_OF_DISKS)) return false;
  for (int64_t deadline = now_ms() + WAIT_MS; !look(&wanted, device);) {
    if (now_ms() >= deadline) return fail(CODE_NOT_FOUND, "no disk has the serial number of \"%s\" after %d ms", source, WAIT_MS);
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  }
  return true;
}
