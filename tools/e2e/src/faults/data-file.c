/*
 * For LD_PRELOAD: makes a call on the data file of the metadata fail, or write only half. lmdb makes them in native code,
 * where nothing of JavaScript can be put in between. What is to happen stands in a file that is mapped by everyone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct board {
  atomic_int countdown; /* the call that makes it 0 fails */
  atomic_int error;     /* an errno; 0: half is written, where the call writes */
  atomic_int calls;
  atomic_int hits;
};

static struct board *board;

__attribute__((constructor)) static void open_board(void) {
  const char *path = getenv("SLIPWAY_E2E_DATA_FILE_FAULTS");
  if (path == NULL) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *memory = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory != MAP_FAILED) board = memory;
}

static int is_data_file(int fd) {
  char link[32], target[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, target, sizeof target);
  static const char name[] = "/data.mdb";
  size_t tail = sizeof name - 1;
  return length > (ssize_t)tail && memcmp(target + length - tail, name, tail) == 0;
}

static int is_turn(int fd) {
  if (board == NULL || !is_data_file(fd)) return 0;
  atomic_fetch_add(&board->calls, 1);
  if (atomic_load(&board->countdown) <= 0 || atomic_fetch_sub(&board->countdown, 1) != 1) return 0;
  atomic_fetch_add(&board->hits, 1);
  return 1;
}

/* Whether the call fails; with errno set. */
static int fails(int fd, int *half) {
  *half = 0;
  if (!is_turn(fd)) return 0;
  int error = atomic_load(&board->error);
  *half = error == 0;
  errno = error;
  return error != 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  int half;
  if (fails(fd, &half)) return -1;
  return REAL(pwrite64)(fd, bytes, half ? (count + 1) / 2 : count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  int half;
  if (fails(fd, &half)) return -1;
  return REAL(write)(fd, bytes, half ? (count + 1) / 2 : count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  int half;
  if (fails(fd, &half)) return -1;
  return REAL(writev)(fd, parts, half ? (count + 1) / 2 : count);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  int half;
  if (fails(fd, &half)) return -1;
  return REAL(pwritev64)(fd, parts, half ? (count + 1) / 2 : count, offset);
}

int fdatasync(int fd) {
  int half;
  return fails(fd, &half) ? -1 : REAL(fdatasync)(fd);
}

int fsync(int fd) {
  int half;
  return fails(fd, &half) ? -1 : REAL(fsync)(fd);
}

int ftruncate64(int fd, off64_t length) {
  int half;
  return fails(fd, &half) ? -1 : REAL(ftruncate64)(fd, length);
}

/*
 * lmdb-js 3.5.6 says which write failed, into 100 bytes, with up to 118: two of its numbers are of memory that nobody has set
 * (mdb_page_flush). One process meets many faults here, and would end at the next allocation, later than at the fault it is about.
 */
int sprintf(char *into, const char *format, ...) {
  static const char writing[] = "Attempting to write page";
  va_list values;
  va_start(values, format);
  int length = strncmp(format, writing, sizeof writing - 1) == 0 ? vsnprintf(into, 100, format, values) : vsprintf(into, format, values);
  va_end(values);
  return length;
}
