/* Modules of the kernel, as the image lists them: they are not compressed, and each comes after what it needs. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIST "/etc/modules.slipway"

static bool load(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_errno("open module \"%s\"", path);
  bool loaded = syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST;
  if (!loaded) fail_errno("load module \"%s\"", path);
  close(fd);
  return loaded;
}

/* The path in a line of that group; NULL: it is of another one. */
static const char *path_in(const char *line, const char *group) {
  const char *path = strrchr(line, ' ');
  size_t length = path == NULL ? 0 : (size_t)(path - line);
  bool belongs = strlen(group) == length && strncmp(line, group, length) == 0;
  return !belongs ? NULL : path == NULL ? line : path + 1;
}

bool modules_load(enum module_group group) {
  static const char *const names[] = {[MODULES_FIRST] = "", [MODULES_OF_DISKS] = "disk", [MODULES_OF_SHARES] = "share", [MODULES_OF_VERITY] = "verity"};
  static bool done[sizeof names / sizeof *names];
  char line[PATH_SIZE];
  if (done[group]) return true;
  FILE *list = fopen(LIST, "re");
  if (list == NULL && errno != ENOENT) return fail_errno("open \"" LIST "\"");
  bool loaded = true;
  while (list != NULL && loaded && fgets(line, sizeof line, list) != NULL) {
    trim(line);
    const char *path = path_in(line, names[group]);
    if (path != NULL && *path != '\0') loaded = load(path);
  }
  if (list != NULL) fclose(list);
  done[group] = loaded;
  return loaded;
}
