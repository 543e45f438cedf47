/* What every part uses: limits, the clock, text, and the set that is filled before each poll(2). */
#ifndef SLIPWAY_BASE_H
#define SLIPWAY_BASE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROTOCOL_VERSION "2"
#define FRAME_MAX 65536u
#define FRAME_STRINGS 2048
#define RELAY_BUFFER 65536u
#define TAIL_MAX 4096u
#define POLL_MAX 48
#define ID_SIZE 24
#define TIME_SIZE 40

enum { STREAM_IN, STREAM_OUT, STREAM_ERR, STREAMS };

/* ---- clock.c ---- */

/* Milliseconds of a clock that never jumps. */
int64_t now_ms(void);
/* RFC 3339 with nanoseconds, UTC. */
void time_now(char text[TIME_SIZE]);

/* ---- text.c ---- */

bool number_of(const char *text, long minimum, long maximum, long *number);
/* False, and cut off, when it does not fit. */
bool copy(char *to, size_t size, const char *from);
/* Text that grows up to its room; what does not fit sets `full`. */
struct text {
  char *bytes;
  size_t length, size;
  bool full;
};
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void text_add_json(struct text *text, const char *string);
/* Reads at most size - 1 bytes of a small file and ends them with NUL. The length, or -1. */
ssize_t read_text(int folder, const char *path, char *text, size_t size);

/* ---- poll.c ---- */

struct poll_set {
  struct pollfd entries[POLL_MAX];
  nfds_t count;
  int64_t deadline; /* earliest wish to be woken, of now_ms(); -1 for none */
};

void poll_add(struct poll_set *set, int fd, short events);
void poll_wake_at(struct poll_set *set, int64_t deadline);

#endif
