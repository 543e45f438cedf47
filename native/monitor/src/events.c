#include "monitor.h"

#include <fcntl.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

void events_append(const struct events *events, const char *action, const char *attributes) {
  char line[LINE_MAX_BYTES], time[TIME_SIZE];
  if (events->path[0] == '\0') return;
  struct text text = {.bytes = line, .size = sizeof line};
  time_now(time);
  text_add(&text, "{\"time\":\"%s\",\"type\":\"container\",\"action\":\"%s\",\"id\":", time, action);
  text_add_json(&text, events->id);
  text_add(&text, ",\"attributes\":{%s}}\n", attributes);
  /* Opened each time: who rotates the file renames it. */
  int fd = text.full ? -1 : open(events->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  /* What a full disk does not take is lost; the record in status.json is not. What comes next is not to be read as its end. */
  ssize_t written = write(fd, line, text.length);
  if (written > 0 && (size_t)written < text.length) written = write(fd, "\n", 1);
  close(fd);
}
