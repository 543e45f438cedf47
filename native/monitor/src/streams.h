/* Bytes: frames and the clients that speak them, relays, the sinks of the output, the log. */
#ifndef SLIPWAY_STREAMS_H
#define SLIPWAY_STREAMS_H

#include "base.h"

/* ---- frames.c: one connection ---- */

struct frame {
  char *strings[FRAME_STRINGS + 1]; /* NULL-terminated, so that its tail can be an argv */
  size_t count;
};

struct control {
  int fd; /* -1 once the client is gone */
  unsigned char *in, *out;
  size_t in_size, out_size; /* a frame that does not fit into `in` is broken */
  size_t in_length, out_length;
};

void control_open(struct control *control, int fd);
void control_close(struct control *control);
void control_poll(const struct control *control, struct poll_set *set);
/* Reads and writes what is possible without waiting. Closes on end of file, on an error and on a broken frame. */
void control_step(struct control *control);
void control_flush(struct control *control);
/* Removes what was taken from the front of `in`. */
void control_taken(struct control *control, size_t length);
/* Takes the next whole frame out of the buffer. Its strings are valid until the next call. */
bool control_next(struct control *control, struct frame *frame);
/* Queues a frame of strings, up to a NULL. A client that reads nothing while the queue overflows is taken for gone. */
void control_send(struct control *control, ...) __attribute__((sentinel));

/* ---- clients.c: the control channel and the connections to monitor.sock ---- */

/* The first is the creator, whose end means that the parent is gone. */
#define CLIENTS 17
#define ATTACHED_MAX 8

struct client {
  struct control control;
  bool in_use;
  bool is_creator;
  bool waits, told; /* of the end of the container */
  bool attached;    /* framed streams from here on: attach.c */
  bool wants[STREAMS];
  uint32_t stdin_left; /* of a frame of input whose bytes have not all come */
};

struct clients {
  int listener; /* -1 when there is none */
  struct client each[CLIENTS];
  size_t left_last; /* who had to make room last */
};

void clients_open(struct clients *clients, int control_fd);
/* monitor.sock in the working directory. */
bool clients_listen(struct clients *clients);
/* Where no place is free, one that only waits for the end makes room, but for these two, which wait for an answer. */
void clients_accept(struct clients *clients, const struct client *first, const struct client *second);
void clients_close_listener(struct clients *clients);
/* Gives its slot and its memory back. */
void client_free(struct client *client);
void clients_poll(const struct clients *clients, struct poll_set *set);
bool clients_flushed(const struct clients *clients);

/* ---- log.c: the log files, in the format of CRI ---- */

#define LOG_LINE_MAX 16384u
#define LOG_BUFFER 65536u

struct log {
  int folder; /* -1 when nothing is kept */
  int fd;     /* -1 while it cannot be opened */
  long max_bytes, max_files;
  size_t size;
  size_t part_length[STREAMS]; /* of a line whose end has not come */
  char part[STREAMS][LOG_LINE_MAX];
  size_t length;
  char buffer[LOG_BUFFER];
};

void log_open(struct log *log, int folder, long max_bytes, long max_files);
void log_write(struct log *log, int stream, const unsigned char *bytes, size_t length);
/* What has come of the last lines, marked as unfinished. */
void log_end_lines(struct log *log);

/* ---- sinks.c: where output goes besides the descriptor that the creator gave ---- */

struct sinks {
  struct log log;
  struct clients *clients;
};

/* A chunk is there. Answers the clients (bits) that have to take it before the next one is read. */
uint32_t sinks_offer(struct sinks *sinks, int stream, const unsigned char *bytes, size_t length);
/* Passes it to those that owe it and have room. Answers who is left. */
uint32_t sinks_pass(struct sinks *sinks, int stream, const unsigned char *bytes, size_t length, uint32_t owed);
/* True when somebody besides the creator gets the stream. */
bool sinks_any(const struct sinks *sinks, int stream);

/* ---- relay.c: bytes from one descriptor to another, and to the sinks ---- */

/* KIND_WAITS: shared with others and not to be made non-blocking, so it is asked before each use. */
enum descriptor_kind { KIND_PLAIN, KIND_SOCKET, KIND_WAITS };

struct relay {
  int from;                 /* -1 once it has ended */
  int to;                   /* -1 once nobody reads it: then what comes is dropped */
  enum descriptor_kind from_kind, to_kind;
  bool from_terminal;       /* EIO means: nobody has the terminal open now */
  bool to_terminal;         /* the end of the stream is told by the terminal's own end-of-file character */
  bool ends_with_target;    /* nobody reads: the writer is to learn of it */
  bool held_open;           /* the target stays open without a source: clients feed it, or there is one more run */
  bool line_open;           /* the last byte written to the terminal was not a newline */
  int64_t retry_at;         /* of a terminal that nobody had open; 0 for none */
  size_t read_since_exit;
  struct sinks *sinks;      /* NULL for input */
  int stream;
  uint32_t owed;            /* clients that have not taken the chunk */
  size_t length;            /* of the chunk */
  size_t start, end;        /* what the target has not taken of it */
  unsigned char buffer[RELAY_BUFFER];
};

void relay_open(struct relay *relay, int from, int to);
void relay_close(struct relay *relay);
/* True when everything has been passed on (or can never be). */
bool relay_done(const struct relay *relay);
/* True when a reader of this relay is what holds it up. */
bool relay_blocked(const struct relay *relay);
void relay_poll(const struct relay *relay, struct poll_set *set);
void relay_step(struct relay *relay, bool exited);
/* Passes on what is buffered, then closes the target as at the end of the source. */
void relay_end_source(struct relay *relay);
/* Nobody reads what goes to the target: what comes is dropped. */
void relay_drop_target(struct relay *relay);
/* False while earlier bytes wait, or between two runs. */
bool relay_takes_input(const struct relay *relay);
/* Takes bytes of a client as input. Answers how many; all of them when nobody will ever read them. */
size_t relay_feed(struct relay *relay, const unsigned char *bytes, size_t length);

/* ---- stdio.c: what the container's streams are connected to ---- */

enum input { INPUT_NULL, INPUT_GIVEN, INPUT_ATTACHED };

struct stdio {
  int outer[STREAMS]; /* what the creator gave, never blocking; -1 when handed on, null, or let go */
  int inner[STREAMS]; /* the container's ends, until the runtime has them */
  int near[STREAMS];  /* our ends of the container's pipes, until a relay has them */
  enum input input;
  bool has_more_runs; /* what the creator gave is kept for them */
  struct relay relays[STREAMS];
};

/* Takes descriptors 0, 1 and 2 over and leaves /dev/null in their place. */
bool stdio_take(struct stdio *stdio, struct sinks *sinks);
bool stdio_make_pipes(struct stdio *stdio);
void stdio_close_inner(struct stdio *stdio);
/*
 * From here on bytes flow. `terminal` is the master, or -1. Whose container is part of a pipeline wants the writer to end with
 * its reader (`yes | head -n 1`); any other container goes on, and what it writes is dropped.
 */
bool stdio_connect(struct stdio *stdio, int terminal, bool writers_end_with_readers);
/* The run has ended or could not begin: keeps what the creator gave for the next one. */
void stdio_disconnect(struct stdio *stdio);
/* Lets go of what the creator gave. With `end_input` this is the end of the input, unless there is a terminal. */
void stdio_let_go(struct stdio *stdio, bool end_input);
/* A restart policy was set while it runs: what the creator gave stays beyond the end of this run. */
void stdio_expect_more_runs(struct stdio *stdio);
/* No run follows: closes the input, and each output when it has been passed on. */
void stdio_end(struct stdio *stdio);
void stdio_close(struct stdio *stdio);
bool stdio_drained(const struct stdio *stdio);

/* ---- attach.c: framed streams, u8 kind, u32 little-endian length, payload ---- */

enum { ATTACH_STDIN, ATTACH_STDIN_END, ATTACH_RESIZE };               /* from the client; the last: u16 columns, u16 rows */
enum { ATTACH_STDOUT = 1, ATTACH_STDERR = 2, ATTACH_EXIT = 3 }; /* to the client; the last: NUL-terminated strings */

bool attach_send(struct client *client, int kind, const unsigned char *bytes, size_t length);
/* Bytes have come that the container has not taken. */
bool attach_has_input(const struct client *client);
/* Works on what the client sent, as far as the container takes it. */
void attach_step(struct client *client, struct relay *input, int terminal);

/* ---- console.c: the socket on which a runtime sends the master of the container's terminal ---- */

struct console {
  int listener; /* -1 when there is none */
  int master;   /* -1 until it came */
};

bool console_listen(struct console *console);
void console_accept(struct console *console);
void console_close(struct console *console);
bool terminal_resize(int master, unsigned long columns, unsigned long rows);

/* A socket of this name in the working directory, 0600, that never waits; -1 on an error. */
int listen_on(const char *name, int backlog);

#endif
