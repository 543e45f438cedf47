/* The container monitor: see README.md for the protocol and the rules. */
#ifndef SLIPWAY_MONITOR_H
#define SLIPWAY_MONITOR_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROTOCOL_VERSION "1"
#define FRAME_MAX 65536u
#define FRAME_STRINGS 2048
#define RELAY_BUFFER 65536u
#define TAIL_MAX 4096u
#define POLL_MAX 16

/* ---- clock.c ---- */

/* Milliseconds of a clock that never jumps. */
int64_t now_ms(void);

/* ---- poll.c: the set that is filled before each poll(2) ---- */

struct poll_set {
  struct pollfd entries[POLL_MAX];
  nfds_t count;
  int64_t deadline; /* earliest wish to be woken, of now_ms(); -1 for none */
};

void poll_add(struct poll_set *set, int fd, short events);
void poll_wake_at(struct poll_set *set, int64_t deadline);

/* ---- frames.c: the control channel ---- */

struct frame {
  char *strings[FRAME_STRINGS + 1]; /* NULL-terminated, so that its tail can be an argv */
  size_t count;
};

struct control {
  int fd; /* -1 once the client is gone */
  unsigned char in[FRAME_MAX + 4];
  size_t in_length;
  unsigned char out[FRAME_MAX + 4];
  size_t out_length;
};

void control_open(struct control *control, int fd);
void control_close(struct control *control);
void control_poll(const struct control *control, struct poll_set *set);
/* Reads and writes what is possible without waiting. Closes on end of file, on an error and on a broken frame. */
void control_step(struct control *control);
/* Takes the next whole frame out of the buffer. Its strings are valid until the next call. */
bool control_next(struct control *control, struct frame *frame);
/* Queues a frame of strings, up to a NULL. A client that reads nothing while the queue overflows is taken for gone. */
void control_send(struct control *control, ...) __attribute__((sentinel));

/* ---- relay.c: bytes from one descriptor to another ---- */

/* KIND_WAITS: shared with others and not to be made non-blocking, so it is asked before each use. */
enum descriptor_kind { KIND_PLAIN, KIND_SOCKET, KIND_WAITS };

struct relay {
  int from;                 /* -1 once it has ended */
  int to;                   /* -1 once nobody reads it: then what comes is dropped */
  enum descriptor_kind from_kind, to_kind;
  bool from_terminal;       /* EIO means: nobody has the terminal open now */
  bool to_terminal;         /* the end of the stream is told by the terminal's own end-of-file character */
  bool ends_with_target;    /* nobody reads: the writer is to learn of it */
  bool line_open;           /* the last byte written to the terminal was not a newline */
  int64_t retry_at;         /* of a terminal that nobody had open; 0 for none */
  size_t read_since_exit;
  size_t start, end;
  unsigned char buffer[RELAY_BUFFER];
};

void relay_open(struct relay *relay, int from, int to);
void relay_close(struct relay *relay);
/* True when everything has been passed on (or can never be). */
bool relay_done(const struct relay *relay);
/* True when the reader of this relay is what holds it up. */
bool relay_blocked(const struct relay *relay);
void relay_poll(const struct relay *relay, struct poll_set *set);
void relay_step(struct relay *relay, bool exited);
/* Passes on what is buffered, then closes the target as at the end of the source. */
void relay_end_source(struct relay *relay);

/* ---- stdio.c: what the container's streams are connected to ---- */

enum { STREAM_IN, STREAM_OUT, STREAM_ERR, STREAMS };

struct stdio {
  int outer[STREAMS]; /* what the caller gave, never blocking; -1 when handed on or not used */
  int inner[STREAMS]; /* the container's ends, until the runtime has them */
  int near[STREAMS];  /* our ends of the container's pipes, until a relay has them */
  bool input_is_null;
  struct relay relays[STREAMS];
};

/* Takes descriptors 0, 1 and 2 over and leaves /dev/null in their place. */
bool stdio_take(struct stdio *stdio);
bool stdio_make_pipes(struct stdio *stdio);
void stdio_close_inner(struct stdio *stdio);
/*
 * From here on bytes flow. `terminal` is the master, or -1. Whose container is part of a pipeline wants the writer to end with
 * its reader (`yes | head -n 1`); any other container goes on, and what it writes is dropped.
 */
bool stdio_connect(struct stdio *stdio, int terminal, bool writers_end_with_readers);
void stdio_close(struct stdio *stdio);
bool stdio_drained(const struct stdio *stdio);

/* ---- console.c: the socket on which a runtime sends the master of the container's terminal ---- */

struct console {
  int listener; /* -1 when there is none */
  int master;   /* -1 until it came */
};

bool console_listen(struct console *console);
void console_accept(struct console *console);
void console_close(struct console *console);
bool terminal_resize(int master, const char *columns, const char *rows);

/* ---- tool.c: one run of the runtime's command ---- */

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

/* Starts argv with the given descriptors as 0, 1, 2. Answers 0 or the errno of what failed; *what names it. */
int tool_start(struct tool *tool, char *const argv[], const int fds[STREAMS], int64_t limit_ms, const char **what);
/* As above, with /dev/null as input and everything it prints kept. */
int tool_start_quiet(struct tool *tool, char *const argv[], int64_t limit_ms, const char **what);
void tool_poll(const struct tool *tool, struct poll_set *set);
/* Reads what it printed; kills it when its time is over. */
void tool_step(struct tool *tool);
/* To be called once it was reaped. */
void tool_ended(struct tool *tool);
void tool_kill(const struct tool *tool);
/* Remembers what the processes that we start should have as their own. */
void tool_remember_oom_score(void);

/* ---- record.c ---- */

struct exit_status {
  int code;   /* 0 to 255; 128 + n for signal n */
  int signal; /* 0 when no signal ended it */
  char time[40];
};

void exit_status_set(struct exit_status *status, int wait_status);
/* Writes `exit` in the working directory: whole or not at all, durable. */
bool exit_record_write(const struct exit_status *status);

/* ---- children.c ---- */

/* Kills and reaps every process that is left below us, for a bounded time. */
void children_kill(void);

/* ---- container.c ---- */

enum running { TOOL_NONE, TOOL_CREATE, TOOL_START, TOOL_DELETE };

struct container {
  struct control control;
  struct stdio stdio;
  struct console console;
  struct tool tool;
  enum running running;
  char request[24]; /* the id of the request that `running` answers */
  char pid_file[4096];
  char columns[8], rows[8];
  bool with_terminal;
  char delete_strings[FRAME_MAX];
  char *delete_argv[FRAME_STRINGS + 1];
  int64_t delete_limit_ms;
  bool dies_with_parent;
  bool set_up, create_tried, was_created, was_started;
  bool dying;             /* everything is to end: the client is gone or a SIGTERM came */
  bool delete_wanted, delete_done;
  char delete_request[24];
  pid_t init;             /* 0 before it is known and after it was reaped */
  bool exited, recorded, exit_reported;
  int64_t exited_at_ms, finished_at_ms, kill_deadline;
  struct exit_status status;
};

void container_open(struct container *container, int control_fd);
void container_request(struct container *container, const struct frame *frame);
/* Reaps what has ended. */
void container_reap(struct container *container);
void container_terminate(struct container *container);
void container_poll(const struct container *container, struct poll_set *set);
/* Moves everything on as far as it goes. False when nothing is left to do. */
bool container_step(struct container *container);

/* ---- requests.c: the verbs; lifecycle.c: what follows from events ---- */

void reply_ok(struct container *container, const char *id, const char *value);
void reply_failed(struct container *container, const char *id, const char *kind, long value, const char *text);
void lifecycle_tool_ended(struct container *container, int wait_status);
void lifecycle_start_delete(struct container *container);

#endif
