#include "files.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* Storage{driver = 1, source = 3, fstype = 4, options = 5, mount_point = 6, fs_group = 7} */
struct storage {
  char driver[32], source[PATH_SIZE], fstype[32], point[MOUNT_POINT_SIZE];
};

static bool read_storage(struct view bytes, struct storage *storage) {
  if (!wire_valid(bytes)) return fail(CODE_INVALID_ARGUMENT, "a storage is no message of Protocol Buffers");
  if (wire_has(bytes, 7)) return fail(CODE_UNIMPLEMENTED, "the group of a storage cannot be changed");
  return wire_text(wire_bytes(bytes, 1), "the driver of a storage", storage->driver, sizeof storage->driver) &&
         wire_text(wire_bytes(bytes, 3), "the source of a storage", storage->source, sizeof storage->source) &&
         wire_text(wire_bytes(bytes, 4), "the type of a storage", storage->fstype, sizeof storage->fstype) &&
         wire_text(wire_bytes(bytes, 6), "the mount point of a storage", storage->point, sizeof storage->point);
}

/* What the driver means: a device that has to be found, or a type of file system. */
static bool resolve(struct storage *storage) {
  static char device[PATH_SIZE];
  if (strcmp(storage->driver, "blk") == 0) return disk_find(storage->source, device) && copy(storage->source, sizeof storage->source, device);
  if (strcmp(storage->driver, "overlayfs") == 0) return copy(storage->fstype, sizeof storage->fstype, "overlay");
  if (strcmp(storage->driver, "virtio-fs") == 0) return modules_load(MODULES_OF_SHARES) && copy(storage->fstype, sizeof storage->fstype, "virtiofs");
  return fail(CODE_UNIMPLEMENTED, "storages of driver \"%s\" are unknown", storage->driver);
}

/* The device that is checked takes the place of the disk. */
static bool check(struct view bytes, struct storage *storage, unsigned *verity_number) {
  static struct verity verity;
  *verity_number = 0;
  if (!verity_read(bytes, &verity)) return false;
  if (!verity.wanted) return true;
  if (strcmp(storage->driver, "blk") != 0) return fail(CODE_UNIMPLEMENTED, "dm-verity for a storage of driver \"%s\"", storage->driver);
  return verity_open(&verity, storage->source, verity_number);
}

static bool mount_one(struct view bytes, const char *folder, struct mounts *mounts) {
  static struct storage storage;
  static struct mount_options options;
  unsigned verity;
  if (!read_storage(bytes, &storage) || !resolve(&storage)) return false;
  bool is_overlay = strcmp(storage.driver, "overlayfs") == 0;
  if (!mount_options_read(bytes, is_overlay ? folder : NULL, &options)) return false;
  int point = folder_make(storage.point, false);
  if (point < 0) return false;
  close(point);
  if (mounts->count == MOUNTS_MAX) return fail(CODE_RESOURCE_EXHAUSTED, "more than %d mounts", MOUNTS_MAX);
  if (!check(bytes, &storage, &verity)) return false;
  if (is_overlay && chdir(folder) < 0) return fail_errno("enter \"%s\"", folder);
  int result = mount(storage.source, storage.point, storage.fstype, options.flags, options.data);
  int error = errno;
  if (is_overlay && chdir("/") < 0) return fail_errno("leave \"%s\"", folder);
  errno = error;
  if (result < 0) {
    if (verity != 0 && verity_found_damage(verity)) fail(CODE_FAILED_PRECONDITION, "mount %s on \"%s\": what was read of the disk is not what its root hash says", storage.fstype, storage.point);
    fail_errno("mount %s \"%s\" on \"%s\" with \"%.300s\"", storage.fstype, storage.source, storage.point, options.data);
    if (verity != 0) verity_close(verity);
    return false;
  }
  mounts->verity[mounts->count] = verity;
  copy(mounts->points[mounts->count++], MOUNT_POINT_SIZE, storage.point);
  return true;
}

bool storages_mount(struct view message, uint32_t number, const char *folder, struct mounts *mounts) {
  struct view bytes;
  while (wire_each(&message, number, &bytes)) {
    if (!mount_one(bytes, folder, mounts)) return false;
  }
  return true;
}

bool mounts_undo(struct mounts *mounts, bool detach) {
  while (mounts->count > 0) {
    const char *point = mounts->points[mounts->count - 1];
    if (umount2(point, UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0)) < 0 && errno == EBUSY) return false;
    mounts->count--;
    if (mounts->verity[mounts->count] != 0) verity_close(mounts->verity[mounts->count]);
  }
  return true;
}
