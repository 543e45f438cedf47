/* Containers, their processes, and the programs that are run for them. All that is asked for is answered from one loop. */
#ifndef SLIPWAY_AGENT_AGENT_H
#define SLIPWAY_AGENT_AGENT_H

#include "channel.h"
#include "common/poll.h"
#include "files.h"

#define CONTAINERS_MAX 16
#define EXECS_MAX 64
#define PROCESSES_MAX (CONTAINERS_MAX + EXECS_MAX)
#define TOOLS_MAX 32
#define WAITERS_MAX 4
#define STREAM_MAX 65536u
/* The port, signals; a tool's terminal; three streams; memory kills and freezing. */
_Static_assert(POLL_MAX >= 2 + TOOLS_MAX + 3 * PROCESSES_MAX + 2 * CONTAINERS_MAX, "not all is watched");

/* ---- streams.c ---- */

/* What a process writes, read when the host asks for it. Requests are told by their ttrpc stream, which is never 0. */
struct source {
  int fd; /* -1: it has ended */
  uint32_t asked;
  size_t wanted;
  bool told; /* the host knows the end */
};

/* What a process reads. An answer tells that it was written. */
struct sink {
  int fd;
  uint32_t asked;
  bool closing;
  size_t at, length;
  unsigned char data[STREAM_MAX];
};

bool source_ask(struct source *source, uint32_t stream, uint64_t wanted);
/* Past `cut_at` (0: never) an end is told where nothing more is there to be read. */
void source_step(struct source *source, int64_t cut_at);
void source_poll(const struct source *source, int64_t cut_at, struct poll_set *set);
bool sink_ask(struct sink *sink, uint32_t stream, struct view data);
void sink_close(struct sink *sink);
void sink_step(struct sink *sink, bool reader_ended);
void sink_poll(const struct sink *sink, struct poll_set *set);

/* ---- cgroups.c ---- */

struct cgroup {
  char path[PATH_SIZE]; /* "": none yet */
  int memory_events;    /* -1: there is no such file */
  int64_t killed;       /* for lack of memory, as last read */
  bool event;           /* the host has not been told yet */
};

void cgroups_open(void);
/* That of a process which cannot move by itself yet. */
bool cgroup_of(struct cgroup *cgroup, pid_t pid);
void cgroup_close(struct cgroup *cgroup);
/* A file of it. */
ssize_t cgroup_read(const struct cgroup *cgroup, const char *name, char *text, size_t size);
bool cgroup_freeze(const struct cgroup *cgroup, bool freeze);
bool cgroup_is(const struct cgroup *cgroup, const char *event);
/* Every process in it and below; SIGKILL reaches the frozen ones, too. */
bool cgroup_signal(const struct cgroup *cgroup, int signal);
void cgroup_look(struct cgroup *cgroup);

/* ---- tables ---- */

enum container_state { CONTAINER_FREE, CONTAINER_CREATING, CONTAINER_FAILED, CONTAINER_MADE, CONTAINER_REMOVING };

struct container {
  enum container_state state;
  char id[ID_SIZE], folder[MOUNT_POINT_SIZE];
  char first[ID_SIZE]; /* name of its first process */
  struct cgroup cgroup;
  bool busy;               /* a tool works on it that no other may disturb */
  uint32_t answer;         /* the request that creates or removes it */
  struct failure failure;  /* why its creation failed */
  bool deleted;            /* the runtime knows it no more: what is left are mounts */
  int64_t unmount_by;
  uint32_t freezing;       /* the request that waits for the freezer; 0: none */
  int64_t freeze_by;
  struct mounts mounts;    /* last: what is not used of it is never touched */
};

struct process {
  struct container *container; /* NULL: free */
  char id[ID_SIZE];
  bool terminal, exited, told;
  pid_t pid; /* 0: not there yet */
  int status;
  int64_t exited_ms, killed_before;
  bool oom_killed;
  struct source out, err;
  struct sink in;
  uint32_t waiters[WAITERS_MAX];
};

/* ---- containers.c ---- */

struct container *container_find(struct view id);
/* One that is whole and not just being removed. */
struct container *container_made(struct view id);
bool container_create(uint32_t stream, struct view request);
bool container_start(uint32_t stream, struct view request);
bool container_update(uint32_t stream, struct view request);
bool container_pause(uint32_t stream, struct view request);
bool container_resume(uint32_t stream, struct view request);
void containers_poll(struct poll_set *set);
void containers_step(void);
/* GetOOMEvent */
bool oom_event_wait(uint32_t stream, struct view request);

/* ---- removal.c ---- */

bool container_remove(uint32_t stream, struct view request);
/* After a creation that failed: what it left goes, then the request is answered. */
void container_undo(struct container *container);
void removal_step(struct container *container);
/* Kills and unmounts all: the machine is to be switched off. */
void containers_end(void);

/* ---- processes.c ---- */

struct process *process_add(struct container *container, const char *id, bool terminal);
struct process *process_find(struct view request);
/* The first process of a container. */
struct process *process_first(const struct container *container);
void process_free(struct process *process);
/* Whether nobody waits for a process of the container any more: what was asked for is answered before it goes. */
bool processes_answered(const struct container *container);
void processes_of_free(const struct container *container);
void process_started(struct process *process, pid_t pid);
/* Reaps those that have ended. */
void processes_reap(void);
void processes_poll(struct poll_set *set);
void processes_step(void);
bool process_wait(uint32_t stream, struct view request);
bool process_signal(uint32_t stream, struct view request);
bool process_write(uint32_t stream, struct view request);
bool process_close_input(uint32_t stream, struct view request);
bool process_read_out(uint32_t stream, struct view request);
bool process_read_err(uint32_t stream, struct view request);
bool process_resize(uint32_t stream, struct view request);

/* ---- exec.c ---- */

bool process_exec(uint32_t stream, struct view request);
/* The ends of a process's streams that its program gets; closed by the caller. A terminal's come later, from the runtime. */
bool process_streams(struct process *process, int fds[3]);

/* ---- tools.c: runs of the OCI runtime ---- */

struct tool;
typedef void tool_end(struct tool *tool, bool succeeded);

struct tool {
  pid_t pid; /* 0: free */
  bool ended, timed_out;
  int status;
  int64_t deadline;
  tool_end *end;
  struct container *container;
  struct process *process;
  uint32_t stream;
  int console; /* where the runtime brings the terminal */
  char log[32], pid_file[32], console_path[32], process_file[32];
};

/* A free one; NULL: noted. */
struct tool *tool_new(struct container *container, struct process *process, uint32_t stream, tool_end *end);
/* Listens for the terminal of the tool's process. */
bool tool_expect_terminal(struct tool *tool);
/* `crun VERB... ID`; NULL ends the arguments. On failure the tool is free again. */
bool tool_run(struct tool *tool, const int fds[3], const char *const *arguments);
/* What it wrote as its error becomes the failure. */
void tool_note_failure(const struct tool *tool, const char *verb);
/* From the pid file. */
bool tool_pid(const struct tool *tool, pid_t *pid);
bool tools_running(void);
bool tools_work_on(const struct container *container);
void tools_reap(void);
void tools_poll(struct poll_set *set);
void tools_step(void);

/* ---- stats.c, network.c, routes.c, copy_file.c, guest.c, sandbox.c ---- */

bool container_stats(uint32_t stream, struct view request);
bool interface_update(uint32_t stream, struct view request);
bool loopback_up(void);
bool routes_update(uint32_t stream, struct view request);
bool copy_file(uint32_t stream, struct view request);
bool guest_details(uint32_t stream, struct view request);
bool guest_set_time(uint32_t stream, struct view request);
bool guest_reseed(uint32_t stream, struct view request);
bool sandbox_create(uint32_t stream, struct view request);
bool sandbox_destroy(uint32_t stream, struct view request);
bool sandbox_is_destroyed(void);

/* ---- services.c ---- */

/* Answers, or sees to it that it is answered later. */
void service_take(const struct request *request);

/* ---- serve.c ---- */

/* Until the sandbox is destroyed (true), or the host has gone or sends what cannot be understood (false, noted). */
bool serve(int port);

#endif
