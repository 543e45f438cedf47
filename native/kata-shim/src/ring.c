#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A guest that writes without end keeps itself busy, not us. */
#define WINDOW_MS 100
#define WINDOW_BYTES 65536u

void ring_add(struct ring *ring, const char *bytes, size_t length) {
  if (length > ring->size) {
    bytes += length - ring->size;
    length = ring->size;
  }
  size_t first = ring->size - ring->next < length ? ring->size - ring->next : length;
  memcpy(ring->bytes + ring->next, bytes, first);
  memcpy(ring->bytes, bytes + first, length - first);
  ring->next = (ring->next + length) % ring->size;
  ring->length = ring->length + length > ring->size ? ring->size : ring->length + length;
}

char *ring_copy(const struct ring *ring, size_t *length) {
  char *bytes = ring->length == 0 ? NULL : malloc(ring->length + 1);
  if (bytes == NULL) return NULL;
  size_t begin = (ring->next + ring->size - ring->length) % ring->size;
  size_t first = ring->size - begin < ring->length ? ring->size - begin : ring->length;
  memcpy(bytes, ring->bytes + begin, first);
  memcpy(bytes + first, ring->bytes, ring->length - first);
  *length = ring->length;
  for (size_t i = 0; i < *length; i++) {
    if (bytes[i] == '\0') bytes[i] = ' ';
  }
  bytes[*length] = '\0';
  return bytes;
}

static void add_lines(struct text *text, const char *at, const char *end) {
  bool first = true;
  while (at < end && !text->full) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *stop = newline == NULL ? end : newline;
    size_t before = text->length;
    if (!first) text_add(text, " | ");
    size_t begun = text->length;
    text_add_plain(text, at, (size_t)(stop - at));
    /* A line of nothing but spaces says nothing. */
    if (text->length == begun) text->length = before;
    if (text->length > begun) first = false;
    at = stop + 1;
  }
  text->bytes[text->length] = '\0';
}

void ring_tail(const struct ring *ring, struct text *text, size_t most) {
  size_t length;
  char *bytes = ring_copy(ring, &length);
  if (bytes == NULL) return;
  const char *end = bytes + length, *panic = NULL, *last = length > most ? end - most : bytes;
  for (const char *at = bytes; (at = strstr(at, "Kernel panic")) != NULL; at++) panic = at;
  if (last > bytes) {
    const char *newline = memchr(last, '\n', (size_t)(end - last));
    if (newline != NULL && newline + 1 < end) last = newline + 1;
  }
  if (panic != NULL && panic < last) {
    size_t line = strcspn(panic, "\r\n");
    text_add_plain(text, panic, line < most / 2 ? line : most / 2);
    text_add(text, " ... ");
    size_t used = line < most / 2 ? line : most / 2;
    if ((size_t)(end - last) > most - used) last = end - (most - used);
  }
  add_lines(text, last, end);
  free(bytes);
}

void line_poll(const struct tap_line *line, struct poll_set *set) {
  if (line->fd < 0) return;
  if (line->window_bytes >= WINDOW_BYTES && now_ms() < line->window_begin + WINDOW_MS) {
    poll_wake_at(set, line->window_begin + WINDOW_MS);
  } else {
    poll_add(set, line->fd, POLLIN);
  }
}

static bool read_some(struct tap_line *line) {
  char bytes[4096];
  ssize_t got = read(line->fd, bytes, sizeof bytes);
  if (got > 0) {
    ring_add(&line->ring, bytes, (size_t)got);
    line->window_bytes += (size_t)got;
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    close_one(&line->fd);
  }
  return got > 0;
}

void line_step(struct tap_line *line) {
  if (now_ms() >= line->window_begin + WINDOW_MS) {
    line->window_begin = now_ms();
    line->window_bytes = 0;
  }
  while (line->fd >= 0 && line->window_bytes < WINDOW_BYTES && read_some(line)) continue;
}

void line_drain(struct tap_line *line) {
  for (size_t rounds = 0; rounds < 64 && line->fd >= 0 && read_some(line); rounds++) continue;
}
