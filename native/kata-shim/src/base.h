/* What every part uses: the clock, text, files, the set that is filled before each poll(2), and how errors are told. */
#ifndef SLIPWAY_SHIM_BASE_H
#define SLIPWAY_SHIM_BASE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ID_SIZE 80
#define REASON_SIZE 1024
/* Of descriptors that QEMU gets by number. */
#define FD_MIN 3
#define FD_MAX 255
#define POLL_MAX 96

enum { STREAM_IN, STREAM_OUT, STREAM_ERR, STREAMS };

/* ---- clock.c ---- */

/* Milliseconds of a clock that never jumps. */
int64_t now_ms(void);
void sleep_ms(long ms);

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
/* Bytes of others, made harmless: one line of printable ASCII. */
void text_add_plain(struct text *text, const char *bytes, size_t length);

/* ---- files.c ---- */

void close_one(int *fd);
/* What our caller had open besides the streams. */
void close_inherited(void);
bool never_wait(int fd);
/* Reads at most size - 1 bytes of a small file and ends them with NUL. The length, or -1. */
ssize_t read_text(int folder, const char *path, char *text, size_t size);
/* Replaces a file of ours, 0600. */
bool write_text(int folder, const char *path, const char *text);
bool write_all(int fd, const void *bytes, size_t length);
/* To a unix socket, whose path may be longer than an address; -1. */
int connect_by_path(const char *path);
/* A new listening unix socket, 0600; -1. */
int listen_in(int folder, const char *name);

/* ---- poll.c ---- */

struct poll_set {
  struct pollfd entries[POLL_MAX];
  nfds_t count;
  int64_t deadline; /* earliest wish to be woken, of now_ms(); -1 for none */
};

void poll_add(struct poll_set *set, int fd, short events);
void poll_wake_at(struct poll_set *set, int64_t deadline);
/* Waits for what was added, and forgets it. */
void poll_wait(struct poll_set *set);

/* ---- report.c ---- */

/* Where `--log` leads, besides stderr. */
void report_to(const char *path, bool json);
/* Tells one line. Answers 1, for the exit status. */
int report(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, with what errno says. */
int report_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- privileges.c ---- */

#define PRIVILEGE(capability) ((uint64_t)1 << (capability))

/* What we execute has no other capabilities, by whatever way. False with errno. */
bool privileges_bound(uint64_t kept);
/* Nor have we. */
bool privileges_keep(uint64_t kept);

/* ---- signals.c ---- */

/* All but SIGKILL and SIGSTOP, those that libc hides included, are blocked and come by the descriptor; -1. */
int signals_open(void);
/* The next one that was sent; what our own broken pipes raise is left out. 0: none. */
int signals_next(int fd);
/* For what we execute. */
void signals_reset(void);
/* By its number or name, with SIG or without; 0: there is none of that name. */
int signal_of(const char *text);

#endif
