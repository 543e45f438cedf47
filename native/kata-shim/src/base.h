/* What every part uses: files, signals, and how errors are told. */
#ifndef SLIPWAY_SHIM_BASE_H
#define SLIPWAY_SHIM_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/clock.h"
#include "common/poll.h"
#include "common/text.h"

#define ID_SIZE 80
#define REASON_SIZE 1024
/* Of descriptors that QEMU gets by number. */
#define FD_MIN 3
#define FD_MAX 255

enum { STREAM_IN, STREAM_OUT, STREAM_ERR, STREAMS };

/* ---- files.c ---- */

void close_one(int *fd);
/* What our caller had open besides the streams. */
void close_inherited(void);
bool never_wait(int fd);
/* Replaces a file of ours, 0600. */
bool write_text(int folder, const char *path, const char *text);
bool write_all(int fd, const void *bytes, size_t length);
/* To a unix socket, whose path may be longer than an address; -1. */
int connect_by_path(const char *path);
/* A new listening unix socket, 0600; -1. */
int listen_in(int folder, const char *name);

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
