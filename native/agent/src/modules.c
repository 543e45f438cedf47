/* Modules of the kernel, as the image lists them: they are not compressed, and each comes after what it needs. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIST "/etc/modules.slipway"
#define FOR_DISKS "disk "

static bool load(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_errno("open module \"%s\"", path);
  bool loaded = syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST;
  if (!loaded) fail_errno("load module \"%s\"", path);
  close(fd);
  return loaded;
}

bool modules_load(bool for_disks) {
  static bool done[2];
  char line[PATH_SIZE];
  size_t prefix = strlen(FOR_DISKS);
  if (done[for_disks]) return true;
  FILE *list = fopen(LIST, "re");
  if (list == NULL && errno != ENOENT) return fail_errno("open \"" LIST "\"");
  bool loaded = true;
  while (list != NULL && loaded && fgets(line, sizeof line, list) != NULL) {
    trim(line);
    bool is_for_disks = strncmp(line, FOR_DISKS, prefix) == 0;
    if (line[0] == '\0' || is_for_disks != for_disks) continue;
    loaded = load(is_for_disks ? line + prefix : line);
  }
  if (list != NULL) fclose(list);
  done[for_disks] = loaded;
  return loaded;
}
