#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

bool path_is_ours(const char *path) {
  size_t length = strlen(RUN_FOLDER);
  bool below = strncmp(path, RUN_FOLDER "/", length + 1) == 0 && path[length + 1] != '\0';
  /* Every name on the way has to be one: no empty one, no dot, no two dots. */
  for (const char *at = path; below && *at != '\0'; at += strcspn(at + 1, "/") + 1) {
    size_t name = strcspn(at + 1, "/");
    bool dots = name <= 2 && strspn(at + 1, ".") >= name;
    below = *at == '/' && name > 0 && name < 256 && !dots;
  }
  return below || fail(CODE_INVALID_ARGUMENT, "\"%s\" is not a plain path below " RUN_FOLDER, path);
}

static int open_next(int folder, const char *name, bool through_mounts) {
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
  if (!through_mounts) how.resolve |= RESOLVE_NO_XDEV;
  return (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
}

int folder_make(const char *path, bool through_mounts) {
  char name[256];
  if (!path_is_ours(path)) return -1;
  mkdir(RUN_FOLDER, 0755);
  int folder = open(RUN_FOLDER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  for (const char *at = path + strlen(RUN_FOLDER); folder >= 0 && *at == '/'; at += strlen(name) + 1) {
    print(name, sizeof name, "%.*s", (int)strcspn(at + 1, "/"), at + 1);
    int made = mkdirat(folder, name, 0755) < 0 && errno != EEXIST ? -1 : 0;
    int next = made < 0 ? -1 : open_next(folder, name, through_mounts);
    int error = errno;
    close(folder);
    errno = error;
    folder = next;
  }
  if (folder < 0) fail_errno("make folder \"%s\"", path);
  return folder;
}

int folder_make_of(const char *path, const char **name) {
  char parent[PATH_SIZE];
  const char *slash = strrchr(path, '/');
  if (!path_is_ours(path)) return -1;
  *name = slash + 1;
  if ((size_t)(slash - path) == strlen(RUN_FOLDER)) {
    fail(CODE_INVALID_ARGUMENT, "\"%s\" is not in a folder below " RUN_FOLDER, path);
    return -1;
  }
  print(parent, sizeof parent, "%.*s", (int)(slash - path), path);
  return folder_make(parent, false);
}

int file_create(int folder, const char *name, mode_t mode) {
  if (unlinkat(folder, name, 0) < 0 && errno != ENOENT) {
    fail_errno("replace \"%s\"", name);
    return -1;
  }
  int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) fail_errno("create \"%s\"", name);
  return fd;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
  (void)status, (void)kind, (void)place;
  remove(path);
  return 0;
}

void folder_remove(const char *path) { nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }
