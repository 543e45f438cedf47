/* Each line: TIME stdout|stderr F|P TEXT. A full disk costs lines, never the container. */
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_NAME "log"
#define PREFIX_MAX 64

static void open_file(struct log *log) {
  /* Where none can be made there is none to rotate either. */
  log->size = 0;
  log->fd = openat(log->folder, LOG_NAME, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (log->fd < 0) return;
  struct stat info;
  if (fstat(log->fd, &info) == 0 && info.st_size > 0) log->size = (size_t)info.st_size;
  char last = '\n';
  /* A monitor that was killed may have left half a line. */
  if (log->size > 0 && pread(log->fd, &last, 1, (off_t)log->size - 1) == 1 && last != '\n' && write(log->fd, "\n", 1) == 1) log->size++;
}

void log_open(struct log *log, int folder, long max_bytes, long max_files) {
  log->folder = folder;
  log->max_bytes = max_bytes;
  log->max_files = max_files;
  open_file(log);
}

static void flush(struct log *log) {
  size_t done = 0;
  if (log->fd < 0) open_file(log);
  while (log->fd >= 0 && done < log->length) {
    ssize_t put = write(log->fd, log->buffer + done, log->length - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      /* Half a line would spoil the next one. */
      if (ftruncate(log->fd, (off_t)log->size) < 0) {
        close(log->fd);
        log->fd = -1;
      }
      done = 0;
      break;
    }
    done += (size_t)put;
  }
  log->size += done;
  log->length = 0;
}

static void file_name(char name[32], long number) {
  if (number == 0) {
    snprintf(name, 32, LOG_NAME);
  } else {
    snprintf(name, 32, LOG_NAME ".%ld", number);
  }
}

static void rotate(struct log *log) {
  char from[32], to[32];
  /* Whoever follows the last file has it open, and reads it to its end. */
  file_name(to, log->max_files - 1);
  unlinkat(log->folder, to, 0);
  for (long number = log->max_files - 1; number > 0; number--) {
    file_name(from, number - 1);
    file_name(to, number);
    renameat(log->folder, from, log->folder, to);
  }
  if (log->fd >= 0) close(log->fd);
  open_file(log);
}

static void add_line(struct log *log, const char *prefix, size_t prefix_length, char tag, const char *rest, size_t rest_length, const unsigned char *text,
                     size_t length) {
  size_t size = prefix_length + 2 + rest_length + length + 1;
  if (size > sizeof log->buffer - log->length) flush(log);
  size_t all = log->size + log->length;
  if (all > 0 && all + size > (size_t)log->max_bytes) {
    flush(log);
    rotate(log);
  }
  char *at = log->buffer + log->length;
  memcpy(at, prefix, prefix_length);
  at += prefix_length;
  *at++ = tag;
  *at++ = ' ';
  memcpy(at, rest, rest_length);
  memcpy(at + rest_length, text, length);
  at[rest_length + length] = '\n';
  log->length += size;
}

static size_t make_prefix(char prefix[PREFIX_MAX], int stream) {
  char time[TIME_SIZE];
  time_now(time);
  return (size_t)snprintf(prefix, PREFIX_MAX, "%s %s ", time, stream == STREAM_OUT ? "stdout" : "stderr");
}

void log_write(struct log *log, int stream, const unsigned char *bytes, size_t length) {
  if (log->folder < 0) return;
  char prefix[PREFIX_MAX];
  size_t prefix_length = make_prefix(prefix, stream);
  char *part = log->part[stream];
  size_t *part_length = &log->part_length[stream];
  for (const unsigned char *end = bytes + length; bytes < end;) {
    size_t left = (size_t)(end - bytes), room = LOG_LINE_MAX - *part_length;
    const unsigned char *newline = memchr(bytes, '\n', left < room + 1 ? left : room + 1);
    if (newline == NULL && left <= room) {
      memcpy(part + *part_length, bytes, left);
      *part_length += left;
      break;
    }
    size_t take = newline == NULL ? room : (size_t)(newline - bytes);
    add_line(log, prefix, prefix_length, newline == NULL ? 'P' : 'F', part, *part_length, bytes, take);
    *part_length = 0;
    bytes += take + (newline == NULL ? 0 : 1);
  }
  flush(log);
}

void log_end_lines(struct log *log) {
  if (log->folder < 0) return;
  for (int stream = STREAM_OUT; stream <= STREAM_ERR; stream++) {
    if (log->part_length[stream] == 0) continue;
    char prefix[PREFIX_MAX];
    size_t prefix_length = make_prefix(prefix, stream);
    add_line(log, prefix, prefix_length, 'P', log->part[stream], log->part_length[stream], (const unsigned char *)"", 0);
    log->part_length[stream] = 0;
  }
  flush(log);
}
