#include "boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PORTS "/sys/class/virtio-ports"
#define NAME "agent"
/* The driver and the host agree on their ports by messages. An emulated machine on a busy one takes its time. */
#define WAIT_MS 10000

static int open_named(const char *name) {
  char path[320], device[PATH_SIZE] = "", text[64];
  DIR *ports = opendir(PORTS);
  for (struct dirent *entry; ports != NULL && device[0] == '\0' && (entry = readdir(ports)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, PORTS "/%.255s/name", entry->d_name);
    if (read_text(-1, path, text, sizeof text) < 0) continue;
    trim(text);
    if (strcmp(text, name) == 0) print(device, sizeof device, "/dev/%s", entry->d_name);
  }
  if (ports != NULL) closedir(ports);
  return device[0] == '\0' ? -1 : open(device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

static bool host_is_there(int fd) {
  struct pollfd entry = {.fd = fd};
  return poll(&entry, 1, 0) >= 0 && (entry.revents & POLLHUP) == 0;
}

int boot_port(void) {
  int fd = -1;
  for (int64_t deadline = now_ms() + WAIT_MS; now_ms() < deadline;) {
    if (fd < 0) fd = open_named(NAME);
    if (fd >= 0 && host_is_there(fd)) return fd;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  fail(CODE_DEADLINE_EXCEEDED, fd < 0 ? "no virtio-serial port is named \"" NAME "\" after %d ms" : "the host has not opened the port \"" NAME "\" after %d ms", WAIT_MS);
  return -1;
}
