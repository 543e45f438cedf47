/* What QEMU has in the place of the host's files: it has descriptors of all that is the machine's, and needs but its own program. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where it is made, in a namespace of our own: a folder that every host has, and of which nothing is shown but what is mounted anew. */
#define PLACE "/proc"
#define PLAIN (MS_NOSUID | MS_NODEV)

static bool make_parents(char *path) {
  for (char *at = path + sizeof PLACE; (at = strchr(at, '/')) != NULL; at++) {
    *at = '\0';
    if (mkdir(path, 0755) < 0 && errno != EEXIST) return false;
    *at = '/';
  }
  return true;
}

static bool copy_link(const char *path, const char *to) {
  char target[PATH_MAX];
  ssize_t length = readlink(path, target, sizeof target - 1);
  if (length < 0) return false;
  target[length] = '\0';
  return symlink(target, to) == 0;
}

/* What is not there is not shown. */
static bool show(const char *path) {
  char to[PATH_MAX];
  struct stat info;
  if (lstat(path, &info) < 0) return errno == ENOENT || errno == ENOTDIR;
  if (snprintf(to, sizeof to, PLACE "%s", path) >= (int)sizeof to) {
    errno = ENAMETOOLONG;
    return false;
  }
  if (!make_parents(to)) return false;
  if (S_ISLNK(info.st_mode)) return copy_link(path, to);
  bool made = S_ISDIR(info.st_mode) ? mkdir(to, 0755) == 0 : mknod(to, S_IFREG | 0644, 0) == 0;
  if (!made && errno != EEXIST) return false;
  unsigned long flags = S_ISCHR(info.st_mode) ? MS_NOSUID | MS_NOEXEC : MS_RDONLY | PLAIN;
  return mount(path, to, NULL, MS_BIND | MS_REC, NULL) == 0 && mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | flags, NULL) == 0;
}

/* Nobody's processes but its own are seen in it. Before Linux 5.8 there are no such mounts. */
static bool mount_proc(void) {
  unsigned long flags = PLAIN | MS_NOEXEC;
  if (mkdir(PLACE "/proc", 0555) < 0) return false;
  if (mount("proc", PLACE "/proc", "proc", flags, "hidepid=2,subset=pid") == 0) return true;
  return errno == EINVAL && mount("proc", PLACE "/proc", "proc", flags, NULL) == 0;
}

static bool change_root(void) {
  if (chdir(PLACE) < 0) return false;
  if (syscall(SYS_pivot_root, ".", ".") == 0) return umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
  /* The first file system of a kernel cannot be taken away. */
  return errno == EINVAL && mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0 && chdir("/") == 0;
}

bool root_enter(const char *const *shown, size_t count) {
  umask(022);
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return false;
  if (mount("none", PLACE, "tmpfs", PLAIN | MS_NOEXEC, "mode=755,size=64k,nr_inodes=1k") < 0) return false;
  for (size_t i = 0; i < count; i++) {
    if (!show(shown[i])) return false;
  }
  return mount_proc() && change_root() && mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | PLAIN | MS_NOEXEC, NULL) == 0;
}
