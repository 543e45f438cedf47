#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool folder_id_valid(const char *id) {
  size_t length = strlen(id);
  return length > 0 && length < ID_SIZE && strchr(LETTERS, id[0]) != NULL && strspn(id, LETTERS "_.-+") == length;
}

static bool make_parents(const char *path) {
  char part[4096];
  if (!copy(part, sizeof part, path)) {
    errno = ENAMETOOLONG;
    return false;
  }
  for (char *at = part + 1; (at = strchr(at, '/')) != NULL; at++) {
    *at = '\0';
    if (mkdir(part, 0700) < 0 && errno != EEXIST) return false;
    *at = '/';
  }
  return mkdir(part, 0700) == 0 || errno == EEXIST;
}

static bool path_of(const struct folder *folder, char path[4096]) {
  errno = ENAMETOOLONG;
  return (size_t)snprintf(path, 4096, "%s/%s", folder->root, folder->id) < 4096;
}

bool folder_make(struct folder *folder) {
  char path[4096];
  folder->fd = -1;
  return path_of(folder, path) && make_parents(folder->root) && mkdir(path, 0700) == 0 && folder_open(folder);
}

bool folder_open(struct folder *folder) {
  char path[4096];
  folder->fd = -1;
  if (!path_of(folder, path)) return false;
  folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  return folder->fd >= 0;
}

bool folder_has(const struct folder *folder, const char *name) { return faccessat(folder->fd, name, F_OK, 0) == 0; }

bool folder_remove(struct folder *folder) {
  char path[4096];
  int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = fd < 0 ? NULL : fdopendir(fd);
  if (entries == NULL) return false;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) unlinkat(folder->fd, entry->d_name, 0);
  closedir(entries);
  close_one(&folder->fd);
  return path_of(folder, path) && (rmdir(path) == 0 || errno == ENOENT);
}
