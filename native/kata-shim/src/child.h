/* The programs that the daemon starts: QEMU and its helpers. */
#ifndef SLIPWAY_SHIM_CHILD_H
#define SLIPWAY_SHIM_CHILD_H

#include "base.h"

#define GIVEN_MAX 250
#define GROUPS_MAX 32
#define SHOWN_MAX 64

struct user {
  bool set;
  uid_t uid;
  gid_t gid;
  gid_t groups[GROUPS_MAX];
  size_t group_count;
};

/* False: it is none. */
bool user_parse(struct user *user, char *const strings[]);

/* A descriptor, and the number that the program knows it by. */
struct given {
  int number, fd;
};

struct program {
  char *const *argv;
  const struct given *given;
  size_t given_count;
  int output;              /* its stdout and stderr */
  const struct jail *jail; /* NULL: root among the files and in the network that there are */
};

/* Of a program that a guest may take over. */
struct jail {
  struct user user;
  const char *shown[SHOWN_MAX]; /* of all the host's files */
  size_t shown_count;
  long long file_size; /* that it may let a file grow to; 0: any */
};

/*
 * Starts it as the leader of a session of its own that dies with us, with nothing open but what it is given, no environment but PATH, and no way to more privileges. In a jail also as another user,
 * without a network, and with a root folder of its own. 0 with *pid, or the errno of what failed; *what names it.
 */
int program_start(const struct program *program, pid_t *pid, const char **what);

/* ---- root.c ---- */

/* Leaves the host's files for an empty, read-only folder in which these are shown, read-only, and /proc with our own processes. False with errno. */
bool root_enter(const char *const *shown, size_t count);

/* ---- arguments.c ---- */

/* A name in arguments, and the number in whose place it stands. */
struct channel {
  char name[32];
  int number;
};

/* The highest number that is not given away; -1. */
int free_number(const struct given *given, size_t count);
/* A copy of the arguments with numbers for names; to be freed, with its first string. NULL: no memory. */
char **with_numbers(char *const argv[], const struct channel *channels, size_t count);

/* "exited with status 1", "was killed by signal 9" */
void ended_text(struct text *text, int wait_status);

/* A tap device that exists, in a network namespace; -1. */
int tap_open(const char *network, const char *name);

#endif
