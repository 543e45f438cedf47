#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* pivot_root(2), which the runtime does in each container, is not possible from the first root of all: ours becomes a mount on it. */
bool boot_root(void) {
  umask(022);
  mkdir("/n", 0755);
  bool done = mount("/", "/n", NULL, MS_BIND, NULL) == 0 && chdir("/n") == 0 && mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0 && chdir("/") == 0;
  rmdir("/n");
  return done || fail_errno("leave the first root");
}

static const struct {
  const char *type, *point, *data;
  unsigned long flags;
} mounts[] = {
  {"devtmpfs", "/dev", "mode=0755", MS_NOSUID},
  {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
  {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
  {"devpts", "/dev/pts", "mode=0620,ptmxmode=0666,gid=5", MS_NOSUID | MS_NOEXEC},
  {"mqueue", "/dev/mqueue", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
  {"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV},
  {"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV},
  {"tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV},
  {"cgroup2", "/sys/fs/cgroup", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
};

bool boot_mounts(void) {
  for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
    mkdir(mounts[i].point, 0755);
    if (mount(mounts[i].type, mounts[i].point, mounts[i].type, mounts[i].flags, mounts[i].data) < 0) return fail_errno("mount \"%s\"", mounts[i].point);
  }
  bool made = mkdir("/run/slipway", 0700) == 0 && mkdir("/run/crun", 0700) == 0 && mkdir("/run/kata-containers", 0755) == 0;
  return made || fail_errno("make the folders of /run");
}

bool boot_console(void) {
  int fd = open("/dev/console", O_RDWR | O_NOCTTY);
  if (fd < 0) fd = open("/dev/null", O_RDWR);
  if (fd < 0) return fail_errno("open \"/dev/console\"");
  for (int stream = 0; stream < 3; stream++) dup2(fd, stream);
  if (fd > 2) close(fd);
  return true;
}

bool boot_limits(void) {
  const struct rlimit files = {.rlim_cur = 1024, .rlim_max = 1024 * 1024}, processes = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  return (setrlimit(RLIMIT_NOFILE, &files) == 0 && setrlimit(RLIMIT_NPROC, &processes) == 0) || fail_errno("set limits");
}

void power_off(void) {
  sync();
  reboot(RB_POWER_OFF);
  /* Whoever is not the first process of a machine, or cannot switch it off: the kernel's panic does, for the first. */
  _exit(1);
}
