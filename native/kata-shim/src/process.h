/* The container's process, and those of exec: what stands on the host for a process in the guest. */
#ifndef SLIPWAY_SHIM_PROCESS_H
#define SLIPWAY_SHIM_PROCESS_H

#include "folder.h"
#include "wire.h"

/* ---- connection.c: to the mux ---- */

#define CHUNK 32768u
#define CONNECTION_IN (HEADER_SIZE + CHUNK + 512)
#define CONNECTION_OUT (CHUNK + 2048)

struct connection {
  int fd; /* -1: the other side has gone */
  const char *wrong; /* what nothing after it can be understood for; NULL */
  char ended[REASON_SIZE]; /* what the daemon says of the machine's end; empty: nothing */
  size_t in_length, taken, out_length;
  unsigned char in[CONNECTION_IN], out[CONNECTION_OUT];
};

/* False: why not is in *reason. */
bool connection_open(struct connection *connection, const struct folder *folder, struct text *reason);
/* Ends it for what the guest has said. */
void connection_break(struct connection *connection, const char *wrong);
void connection_poll(const struct connection *connection, struct poll_set *set);
void connection_step(struct connection *connection);
/* Queues a request. False: there is no room yet. */
bool connection_ask(struct connection *connection, uint32_t stream, const char *method, const struct wire_out *payload);
/* The same to the agent's health service. */
bool connection_ask_health(struct connection *connection, uint32_t stream);
bool connection_bind(struct connection *connection, const char *process);
/* Takes the next whole frame, valid until the next step. One that is longer than anything we ask for ends the connection. */
bool connection_next(struct connection *connection, struct header *header, const unsigned char **payload);
/* Asks and waits. Answers 0, or why not in *reason. */
bool connection_call(struct connection *connection, const char *method, const void *payload, size_t length, int64_t limit_ms, struct text *reason);
/* The process in the guest is bound to this connection. */
bool connection_bound(struct connection *connection, const char *process, int64_t limit_ms, struct text *reason);
/* Why there is no machine. */
void connection_lost(const struct connection *connection, const struct folder *folder, struct text *reason);

/* ---- streams.c ---- */

/* Makes what is shared with others an open file of our own that never waits, where that is possible. */
int stream_own(int fd, int access);
/* As read(2) and write(2) that never wait. */
ssize_t stream_read(int fd, void *bytes, size_t size);
ssize_t stream_write(int fd, const void *bytes, size_t length);

/* ---- terminal.c ---- */

/* Makes a terminal, sends its master to the socket and makes it our streams and our session's. NULL, or what failed. */
const char *terminal_make(const char *console_socket);
bool terminal_size(unsigned short *rows, unsigned short *columns);

/* ---- pump.c ---- */

struct target {
  const struct folder *folder;
  const char *process; /* exec id; of the container's own: its id */
  bool terminal;
  bool records;        /* a memory kill leaves the file `oom` in the working directory, the machine's end the file `ended` with the reason */
};

/* Passes everything on until the process in the guest has ended, then ends as it did. */
_Noreturn void pump_run(struct connection *connection, const struct target *target, int signals);

/* ---- ending.c ---- */

struct ending {
  int code, signal;
  bool oom_killed;
};

_Noreturn void end_as(const struct ending *ending);

/* ---- handover.c: a process that outlives its caller ---- */

/*
 * Forks. In the child it answers 0: it has a session of its own and dies with us until handover_done(). Here it waits for the child's word and answers its number, or -1 with
 * the reason.
 */
pid_t handover(struct text *reason);
/* In the child: all is well. */
void handover_done(void);
/* In the child: it is not. */
_Noreturn void handover_failed(const char *reason);

#endif
