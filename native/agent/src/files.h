/* Folders, disks and mounts. Whatever the host names must be below one folder, and no link on the way is followed. */
#ifndef SLIPWAY_AGENT_FILES_H
#define SLIPWAY_AGENT_FILES_H

#include "wire.h"

#define RUN_FOLDER "/run/kata-containers"
#define MOUNT_POINT_SIZE 512
#define MOUNTS_MAX 256

/* ---- folders.c ---- */

/* Notes a failure when the path is not below RUN_FOLDER, or is not in its plainest form. */
bool path_is_ours(const char *path);
/*
 * Makes what is missing of a folder below RUN_FOLDER and opens it (O_PATH). What is below a mount is a container's, or may be:
 * unless it is said to be ours it is refused. -1: noted.
 */
int folder_make(const char *path, bool through_mounts);
/* The same for the folder of a file, whose name comes out. */
int folder_make_of(const char *path, const char **name);
/* An empty regular file in the place of whatever was there; -1: noted. */
int file_create(int folder, const char *name, mode_t mode);
/* Removes a tree that has no mount in it, as far as it goes. */
void folder_remove(const char *path);

/* ---- disks.c ---- */

/* The device file of `/dev/disk/by-id/virtio-SERIAL` or `...-partN`, as soon as it is there. */
bool disk_find(const char *source, char device[PATH_SIZE]);

/* ---- options.c ---- */

#define MOUNT_DATA_SIZE 4096

struct mount_options {
  unsigned long flags;
  char data[MOUNT_DATA_SIZE];
};

/* Those of a Storage; of an overlay, with the directories relative to the folder, and made if they are the upper two. */
bool mount_options_read(struct view storage, const char *overlay_folder, struct mount_options *options);

/* ---- storage.c ---- */

struct mounts {
  size_t count;
  char points[MOUNTS_MAX][MOUNT_POINT_SIZE];
  unsigned verity[MOUNTS_MAX]; /* number of the device below; 0: none checks it */
};

/* Mounts every Storage among the fields of that number; paths of an overlay are relative to the folder. */
bool storages_mount(struct view message, uint32_t number, const char *folder, struct mounts *mounts);
/* The last ones first, as many as can be. True: none is left. */
bool mounts_undo(struct mounts *mounts, bool detach);

/* ---- verity.c ---- */

struct verity {
  bool wanted;
  char root[65], salt[513];
  uint64_t offset; /* of the hashes in the disk, in bytes: the end of the data */
};

/* Whether it is one for dm-verity, and none for mount(2). */
bool verity_option(const char *option);
/* Those of a Storage. */
bool verity_read(struct view storage, struct verity *verity);
/* In the place of the device one that checks what is read of it. The number is for the two below. */
bool verity_open(const struct verity *verity, char device[PATH_SIZE], unsigned *number);
/* Whether something was read that is not what the root hash says. */
bool verity_found_damage(unsigned number);
/* As soon as nobody has it open. */
void verity_close(unsigned number);

/* ---- modules.c ---- */

/* Before anything else; with the first disk; folder of the host; disk that is checked: lines without a word before the path, or with `disk`, `share`, `verity`. */
enum module_group { MODULES_FIRST, MODULES_OF_DISKS, MODULES_OF_SHARES, MODULES_OF_VERITY };

/* Once. Those of the list, in its order. */
bool modules_load(enum module_group group);

#endif
