/* What every part uses: limits, files, failures. */
#ifndef SLIPWAY_AGENT_BASE_H
#define SLIPWAY_AGENT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/clock.h"
#include "common/text.h"
#include "common/version.h"

/* Longest text of one name (container, exec) and of one path, with its NUL. */
#define ID_SIZE 129
#define PATH_SIZE 1024
#define ERROR_SIZE 1024

/* ---- text.c ---- */

/* Of a file that exists. */
bool write_text(int folder, const char *path, const char *text);
/* Without the white space at its end. */
void trim(char *text);
/* The number that follows the word at the beginning of a line; -1: there is none. */
int64_t number_after(const char *lines, const char *word);

/* ---- failure.c ---- */

/*
 * The error of what is being done: the first that is noted stays, as those that follow are its consequences. Every function that
 * answers false has noted one.
 */
enum code {
  CODE_INVALID_ARGUMENT = 3,
  CODE_DEADLINE_EXCEEDED = 4,
  CODE_NOT_FOUND = 5,
  CODE_ALREADY_EXISTS = 6,
  CODE_RESOURCE_EXHAUSTED = 8,
  CODE_FAILED_PRECONDITION = 9,
  CODE_UNIMPLEMENTED = 12,
  CODE_INTERNAL = 13,
};

struct failure {
  enum code code; /* of gRPC; 0: none */
  char text[ERROR_SIZE];
};

void failure_clear(void);
const struct failure *failure_last(void);
bool fail(enum code code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* With errno's text at the end. */
bool fail_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
