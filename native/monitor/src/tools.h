/* Processes: commands that the client has given, and their runs. */
#ifndef SLIPWAY_TOOLS_H
#define SLIPWAY_TOOLS_H

#include "base.h"

#define LIMIT_MAX_MS 3600000

/* ---- command.c: an argv that is kept, to be run more than once ---- */

struct command {
  char *argv[FRAME_STRINGS + 1]; /* empty when it was never set */
  char strings[FRAME_MAX];
  int64_t limit_ms;
};

/* Copies the strings of a frame, which fit. */
void command_set(struct command *command, char *const strings[], int64_t limit_ms);
bool command_is_set(const struct command *command);

/* ---- tool.c: one run of a command ---- */

struct tool {
  pid_t pid; /* 0 when none runs */
  int64_t deadline;
  int64_t limit_ms;
  bool timed_out;
  int output[2]; /* what it prints: read to the end and kept in `tail`; -1 when not used */
  bool owns_output;
  char tail[TAIL_MAX + 1];
  size_t tail_length;
};

void tool_open(struct tool *tool);
/* Starts argv with the given descriptors as 0, 1, 2. Answers 0 or the errno of what failed; *what names it. */
int tool_start(struct tool *tool, const struct command *command, const int fds[STREAMS], const char **what);
/* As above, with /dev/null as input and everything it prints kept. */
int tool_start_quiet(struct tool *tool, const struct command *command, const char **what);
void tool_poll(const struct tool *tool, struct poll_set *set);
/* Reads what it printed; kills it when its time is over. */
void tool_step(struct tool *tool);
/* To be called once it was reaped. */
void tool_ended(struct tool *tool);
/* With the processes it has started itself. */
void tool_kill(const struct tool *tool);
/* Remembers what the processes that we start should have as their own. */
void tool_remember_oom_score(void);
/* In a process of ours that is to become another program: signals and the wish to live as they are for others. */
void tool_become_ordinary(void);

/* ---- after_end.c: the program that cleans up where nobody else does ---- */

struct after_end {
  struct command command; /* the environment's strings, then argv; not set: there is none */
  size_t environment;
  int root, mounts; /* of our creator: its root folder and mount namespace; -1 when they could not be had */
};

/* Before we leave the mount namespace. */
void after_end_open(struct after_end *after);
/* Lets go of what it would need, where there is none. */
void after_end_settle(struct after_end *after);
/* Starts it. It runs once this process has ended. */
void after_end_leave(const struct after_end *after);

/* ---- children.c ---- */

/* Kills and reaps every process that is left below us, for a bounded time. */
void children_kill(void);
/* Kills the children of a process, of all of its threads. */
void children_kill_of(pid_t pid);

#endif
