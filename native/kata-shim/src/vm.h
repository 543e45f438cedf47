/* The daemon: the parent of QEMU, and all that is said to the machine and heard from it. What comes from there is hostile. */
#ifndef SLIPWAY_SHIM_VM_H
#define SLIPWAY_SHIM_VM_H

#include "child.h"
#include "folder.h"
#include "plan.h"
#include "wire.h"

/* ---- json.c: what QEMU says ---- */

/* The value of a member of the object that the text begins with; NULL. */
const char *json_member(const char *object, const char *name);
/* False: the value is no string. What does not fit is cut off. */
bool json_string(const char *value, char *text, size_t size);

/* ---- ring.c: the last bytes of what never ends ---- */

struct ring {
  char *bytes;
  size_t size, length, next;
};

void ring_add(struct ring *ring, const char *bytes, size_t length);
/* What is there, in order; to be freed. NULL when it is nothing. */
char *ring_copy(const struct ring *ring, size_t *length);
/* The last lines on one line, those of a kernel's panic first. Nothing is added when there are none. */
void ring_tail(const struct ring *ring, struct text *text, size_t most);

/* A descriptor that is read into a ring, no faster than a person could want. */
struct tap_line {
  int fd; /* -1: there is none, or it has ended */
  struct ring ring;
  int64_t window_begin;
  size_t window_bytes;
};

void line_poll(const struct tap_line *line, struct poll_set *set);
void line_step(struct tap_line *line);
/* The last words of what has ended: all that is there at once. */
void line_drain(struct tap_line *line);

/* ---- qmp.c ---- */

#define QMP_LINE 16384

enum qmp_said { QMP_NOTHING, QMP_RETURN, QMP_ERROR, QMP_BROKEN };

struct qmp {
  int fd;
  bool ready;     /* the greeting is over */
  bool asked;     /* a command waits for its answer */
  int passed_fd;  /* that goes with the next byte; -1 */
  size_t in_length, line_length, out_length, out_sent;
  char in[QMP_LINE], out[QMP_LINE];
  char error[512];
};

void qmp_open(struct qmp *qmp, int fd);
/* One command; `fd` goes with it, or -1. False: it is too long. */
bool qmp_ask(struct qmp *qmp, const char *line, int fd);
void qmp_poll(const struct qmp *qmp, struct poll_set *set);
/* What was said to the command. Events are passed over. */
enum qmp_said qmp_step(struct qmp *qmp);
/* The value of the last QMP_RETURN, until the next step. */
const char *qmp_value(const struct qmp *qmp);

/* ---- mux.c, guest.c: one connection to the agent for all who talk to it ---- */

#define CLIENTS 48
#define CLIENT_CALLS 64u
#define CALLS 1024u
#define GONE_MAX 64u
#define OWN CLIENTS          /* the daemon's own requests */
#define NOBODY (CLIENTS + 1) /* answers that nobody waits for */
#define GONE (CLIENTS + 2)   /* the same, of the first of those that have gone */

struct call {
  bool in_use;
  uint16_t client;
  uint32_t guest_stream, client_stream;
};

struct mux_client {
  int fd; /* -1: there is none */
  unsigned calls;
  unsigned char header[HEADER_SIZE];
  size_t header_length;
  unsigned char *frame; /* a request on its way in */
  size_t frame_size, frame_length;
  unsigned char *queue; /* answers that it does not take */
  size_t queue_start, queue_end;
  bool is_container;
  char process[ID_SIZE]; /* in the guest, which is killed when it goes; empty: none */
};

/* A process in the guest whose program on the host has gone. */
struct gone {
  char process[ID_SIZE]; /* empty: the place is free */
  unsigned calls;        /* that may make it only when they are answered */
  bool kill_due;
};

struct mux {
  const char *id; /* of the container */
  int guest, listener;
  bool open;           /* the agent has said that its port is open */
  bool has_container, container_gone;
  bool container_ended; /* by itself, before it went */
  bool closed;         /* by the guest's side */
  char violation[128]; /* what the guest did; empty: nothing yet */
  struct mux_client clients[CLIENTS];
  struct gone gone[GONE_MAX];
  size_t next_gone;
  struct call calls[CALLS];
  unsigned calls_in_use;
  int64_t full_since; /* no further request fits since then; 0: some do */
  uint32_t next_stream;
  size_t turn;
  size_t held; /* bytes of all frames and queues */
  /* what goes to the guest now */
  unsigned char *out;
  size_t out_length, out_sent;
  /* what comes from it now */
  unsigned char header[HEADER_SIZE];
  size_t header_length, frame_left;
  size_t target;
  /* the daemon's own */
  unsigned char *own_frame;
  size_t own_length;
  bool own_asked, own_answered;
  size_t own_answer_length;
  unsigned char own_answer[4096];
};

void mux_open(struct mux *mux, const char *id, int guest);
bool mux_listen(struct mux *mux, const struct folder *folder);
void mux_close(struct mux *mux, const struct folder *folder);
void mux_poll(const struct mux *mux, struct poll_set *set);
void mux_step(struct mux *mux);
/* Tells everybody who is connected. */
void mux_tell_end(struct mux *mux, const char *reason);
/* Somebody is there for a process in the guest. */
bool mux_has_processes(const struct mux *mux);
/* One request of ours at a time. False: no memory, or too long. */
bool mux_ask(struct mux *mux, const char *service, const char *method, const void *payload, size_t length);
/* True once it was answered. */
bool mux_answered(struct mux *mux, struct answer *answer);

/* guest.c */
void guest_send(struct mux *mux);
void guest_receive(struct mux *mux);
void guest_poll(const struct mux *mux, struct poll_set *set);
/* Nobody waits for its answers any more; the process, unless it is empty, is killed. */
void guest_client_gone(struct mux *mux, size_t client, const char *process);
/* mux.c, for guest.c */
void mux_deliver(struct mux *mux, size_t client, const unsigned char *bytes, size_t length);
bool mux_has_request(const struct mux_client *client);

/* ---- vm.c ---- */

#define HELPERS_MAX 8

struct vm {
  const char *id;
  struct folder *folder;
  int signals;
  pid_t qemu; /* 0: it was not started, or was reaped */
  bool qemu_ended, helper_ended;
  int qemu_status, helper_status;
  pid_t helpers[HELPERS_MAX];
  size_t helper_count;
  bool terminated; /* somebody asked for its end by a signal */
  int words_write;
  struct tap_line console, words;
  struct qmp qmp;
  enum qmp_said said; /* in the last step */
  struct mux mux;
};

/* False: no memory, or no descriptor. */
bool vm_open(struct vm *vm, const char *id, struct folder *folder);
/* Waits and moves everything on. `deadline` of now_ms(), or -1. */
void vm_step(struct vm *vm, int64_t deadline);
/* Starts it with the three channels in place of their names in argv. NULL, or what failed, in *error its errno. */
const char *vm_start(struct vm *vm, char *const argv[], const struct jail *jail, struct given *given, size_t given_count, const int *helpers, int *error);
/* True when it cannot go on; why is in *reason. */
bool vm_failed(struct vm *vm, struct text *reason);
/* Adds what it said last. */
void vm_last_words(struct vm *vm, struct text *reason);
/* Lets the guest end the container and write out what it has. */
void vm_end_guest(struct vm *vm, bool container_ended);
/* Kills and reaps all that was started. */
void vm_kill(struct vm *vm);
/* The same, and nothing is known of it any more: another machine may be started. */
bool vm_begin_again(struct vm *vm);

/* ---- creation.c ---- */

/* Runs the plan. False: why not is in *reason, and what was begun is left for vm_kill() and the folder's deletion. */
bool creation_run(struct vm *vm, const struct plan *plan, struct text *reason);

/* ---- daemon.c ---- */

/* Runs the plan, tells `report` so by one byte, and by another when the container's process is there; or why not, by text. Never returns. */
_Noreturn void daemon_run(struct folder *folder, struct plan *plan, int report_fd, pid_t parent);

#endif
