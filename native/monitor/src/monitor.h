/* The container monitor: see README.md for the protocol and the rules. */
#ifndef SLIPWAY_MONITOR_H
#define SLIPWAY_MONITOR_H

#include "streams.h"
#include "tools.h"

/* A request that is answered later. */
struct request {
  struct client *client; /* NULL when nobody waits, or nobody any more */
  char id[ID_SIZE];
};

struct exit_status {
  int code;   /* 0 to 255; 128 + n for signal n */
  int signal; /* 0 when no signal ended it */
  bool oom_killed;
  char time[TIME_SIZE];
};

void exit_status_set(struct exit_status *status, int wait_status);

/* ---- cgroup.c ---- */

/* A file of the process' cgroup in the hierarchy of a controller (NULL: the unified one); -1. */
int cgroup_open(pid_t pid, const char *controller, const char *name, int access);
/*
 * The first move of a process between cgroups in a while waits for a grace period of RCU, 8 to 16 ms: each creation and each exec did. A child that is moved to where it is
 * begins that wait while we and the runtime get ready. It has none of our descriptors, up to that one, while it waits.
 */
void cgroup_hasten(int last_fd);

/* ---- oom.c: processes that the kernel has killed for lack of memory ---- */

struct oom {
  int counter; /* memory.events or memory.oom_control; -1 when there is none */
  int notice;  /* v1: an eventfd; -1 on v2, where `counter` itself is polled */
  int freezer; /* freezer.state or cgroup.events; -1 when there is none */
  long killed, killed_before;
  int looks; /* that are still to come after a notice */
  int64_t look_at;
};

/* Finds the cgroups of the process. What the host does not count is no error. */
void oom_open(struct oom *oom, pid_t pid);
/* The same of the first process, unless what is open already is its own: then what was killed since counts, too. */
void oom_follow(struct oom *oom, pid_t pid);
void oom_close(struct oom *oom);
void oom_poll(const struct oom *oom, struct poll_set *set);
/* True when more were killed than seen before. */
bool oom_grew(struct oom *oom);
/* The same, where the kernel has told that there is something to see. */
bool oom_told(struct oom *oom);
bool oom_ever(const struct oom *oom);
/* The first process left word of a memory kill where no cgroup of the host counts: in a virtual machine. It is told once. */
bool oom_noted(void);
/* Every process of the container is frozen; in a virtual machine, a file says so. */
bool oom_frozen(const struct oom *oom);
/* Of the run before. */
void oom_forget_pause(void);

/* ---- events.c ---- */

struct events {
  char path[4096]; /* empty: none are written */
  char id[256];    /* of the container */
};

/* Appends one line. `attributes` is the inside of a JSON object. */
void events_append(const struct events *events, const char *action, const char *attributes);

/* ---- restart.c ---- */

enum restart_policy { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };
/* CLEAN: the output is passed on and the deletion runs. WAIT: the back-off. */
enum restart_step { RESTART_NONE, RESTART_CLEAN, RESTART_WAIT, RESTART_CREATE, RESTART_START };

struct restart {
  enum restart_policy policy;
  long maximum;  /* in a row; 0: without end */
  long in_a_row;
  long count;    /* since it was started on request */
  int64_t delay_ms;
  int64_t at;    /* the end of the back-off */
  enum restart_step step;
};

/* False: there is no policy of that name. */
bool restart_policy_of(const char *name, enum restart_policy *policy);

/* After a run of so many milliseconds: whether one more follows. */
bool restart_due(const struct restart *restart, const struct exit_status *status, int64_t ran_ms);
/* Counts it and sets the end of the back-off. */
void restart_schedule(struct restart *restart, int64_t ran_ms);

/* ---- health.c ---- */

enum health_status { HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };

struct health {
  struct command command; /* not set: no probes */
  int64_t interval_ms, start_period_ms, start_interval_ms;
  long retries;
  struct tool tool;
  enum health_status status;
  long failures;
  int64_t started_at, next_at; /* 0: the container does not run */
  bool was_healthy;
  bool has_last;
  int last_code; /* -1: it was killed for its time */
  char last_time[TIME_SIZE];
  char last_output[TAIL_MAX + 1];
};

const char *health_name(enum health_status status);
void health_start(struct health *health);
/* The container has ended. */
void health_stop(struct health *health);
void health_poll(const struct health *health, struct poll_set *set);
/* When a probe is due. */
bool health_due(const struct health *health);
/* Puts it off: who is frozen could not answer, which says nothing about it. */
void health_put_off(struct health *health);
/* Starts it. False when it could not be started, which counts as one that failed. */
bool health_begin(struct health *health, bool *changed);
/* The probe was reaped. True when the status has changed. */
bool health_ended(struct health *health, int wait_status);

/* ---- container.c ---- */

enum running { TOOL_NONE, TOOL_CREATE, TOOL_START, TOOL_DELETE };

struct container {
  struct clients clients;
  struct sinks sinks;
  struct stdio stdio;
  struct console console;
  struct command creation, starting, deletion;
  struct tool tool;
  enum running running;
  struct request request;        /* that `running` answers */
  struct request delete_request;
  struct oom oom;
  struct events events;
  struct restart restart;
  struct health health;
  struct after_end after_end;
  char pid_file[4096];
  unsigned long columns, rows;
  bool with_terminal, exec;
  bool fleeting;                 /* nobody asks for the record after a power failure */
  bool dies_with_parent;
  bool set_up, create_tried, was_created, was_started;
  bool detached;                 /* the creator has let go of its streams */
  bool stop_requested;
  bool dying;                    /* everything is to end: the client is gone or a SIGTERM came */
  bool delete_wanted, delete_asked, delete_done;
  bool end_told;                 /* to its creator, with nothing left of the container */
  bool delete_told;              /* to whoever asked for it and was still there, or sent a SIGTERM and waits for our end */
  pid_t init;                    /* 0 before it is known and after it was reaped */
  char init_ticks[24];
  bool runs;                     /* the user's program was started and has not ended */
  bool exited;                   /* this run */
  bool ended, end_reported;      /* the last run */
  bool recorded;
  int64_t started_at_ms, exited_at_ms, finished_at_ms, kill_deadline, stop_deadline;
  char started_time[TIME_SIZE];
  bool has_exit;
  struct exit_status status;     /* of the run that ended last */
  int record_folder;
  int64_t sync_at;               /* of a record that is not durable yet; 0 for none */
};

void container_open(struct container *container, int control_fd);
void container_terminate(struct container *container);
void container_poll(const struct container *container, struct poll_set *set);
/* Moves everything on as far as it goes. False when nothing is left to do. */
bool container_step(struct container *container);
/* Nobody knows of the end who would clean up after it. */
bool container_left_alone(struct container *container);

/* ---- requests.c, settings.c: the verbs ---- */

void reply_ok(struct request *request, const char *value);
void reply_failed(struct request *request, const char *kind, long value, const char *text);
void container_request(struct container *container, struct client *client, const struct frame *frame);
/* The verbs before the creation; only its creator may use them. NULL, or why not. False in *known: none of them. */
const char *settings_request(struct container *container, const struct frame *frame, bool *known);
/* Their system calls failed: the errno, and in *what its name. */
int settings_error(const char **what);

/* ---- run.c: creating and starting, on request and again ---- */

/* Starts the command. 0, or the errno of what failed; *what names it. */
int run_create(struct container *container, const char **what);
int run_start(struct container *container, const char **what);
void run_creation_ended(struct container *container, int wait_status);
void run_start_ended(struct container *container, int wait_status);
/* Moves a restart on. */
void run_step(struct container *container);
void run_poll(const struct container *container, struct poll_set *set);
/* Part of a restart has failed: it counts as a run that failed. */
void run_again(struct container *container);

/* ---- lifecycle.c: what follows when something ends ---- */

/* Reaps what has ended. */
void lifecycle_reap(struct container *container);
void lifecycle_start_delete(struct container *container);
/* Somebody asked for the end: no restart comes any more. */
void lifecycle_no_restart(struct container *container);
/* No run follows. */
void lifecycle_end(struct container *container);
/* The kernel has killed a process for lack of memory. */
void lifecycle_oom(const struct container *container);
/* A probe has ended, or could not begin. */
void lifecycle_health(struct container *container, bool changed);
void reply_tool_failed(const struct container *container, struct request *request, int wait_status);

/* ---- status.c: the record of what is so ---- */

/* Seen by others at once; durable a moment later, or with `durable` when this returns. False when it could not be written. */
bool status_write(struct container *container, bool durable);
void status_sync(struct container *container);
/* Field 22 of /proc/PID/stat. */
bool process_start_ticks(pid_t pid, char *ticks, size_t size);

#endif
