#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_at(int fd, struct view data, uint64_t offset) {
  while (data.length > 0) {
    ssize_t written = pwrite(fd, data.at, data.length, (off_t)offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data.at += written;
    data.length -= (size_t)written;
    offset += (size_t)written;
  }
  return true;
}

/* path = 1, file_size = 2, file_mode = 3, uid = 5, gid = 6, offset = 7, data = 8. A file may come in parts, the first one first. */
bool copy_file(uint32_t stream, struct view request) {
  char path[PATH_SIZE];
  const char *name;
  uint64_t size = wire_number(request, 2), offset = wire_number(request, 7);
  struct view data = wire_bytes(request, 8);
  mode_t mode = (mode_t)wire_number(request, 3);
  if (!wire_text(wire_bytes(request, 1), "path", path, sizeof path)) return false;
  if (size > INT64_MAX || offset > size || data.length > size - offset) return fail(CODE_INVALID_ARGUMENT, "\"%s\": a part is beyond the end of the file", path);
  if ((mode & S_IFMT) != 0 && !S_ISREG(mode)) return fail(CODE_UNIMPLEMENTED, "\"%s\": only regular files are copied", path);
  int folder = folder_make_of(path, &name);
  if (folder < 0) return false;
  int fd = offset == 0 ? file_create(folder, name, 0600) : openat(folder, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  close(folder);
  if (fd < 0) return fail_errno("open \"%s\"", path);
  bool done = write_at(fd, data, offset) && fchown(fd, (uid_t)wire_number(request, 5), (gid_t)wire_number(request, 6)) == 0 && fchmod(fd, mode & 07777) == 0;
  if (!done) fail_errno("write \"%s\"", path);
  close(fd);
  if (done) answer_empty(stream);
  return done;
}
