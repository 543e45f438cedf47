#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER "/run/slipway"
#define LIMIT_MS 60000
#define ARGUMENTS_MAX 24

static struct tool tools[TOOLS_MAX];

static void tool_free(struct tool *tool) {
  if (tool->console >= 0) {
    close(tool->console);
    unlink(tool->console_path);
  }
  tool->console = -1;
  tool->pid = 0;
  tool->container = NULL;
}

struct tool *tool_new(struct container *container, struct process *process, uint32_t stream, tool_end *end) {
  for (int i = 0; i < TOOLS_MAX; i++) {
    struct tool *tool = &tools[i];
    if (tool->pid != 0) continue;
    *tool = (struct tool){.end = end, .container = container, .process = process, .stream = stream, .console = -1};
    snprintf(tool->log, sizeof tool->log, FOLDER "/%d.log", i);
    snprintf(tool->console_path, sizeof tool->console_path, FOLDER "/%d.console", i);
    snprintf(tool->pid_file, sizeof tool->pid_file, FOLDER "/%d.pid", i);
    snprintf(tool->process_file, sizeof tool->process_file, FOLDER "/%d.json", i);
    return tool;
  }
  fail(CODE_RESOURCE_EXHAUSTED, "%d commands of the runtime are running", TOOLS_MAX);
  return NULL;
}

bool tool_expect_terminal(struct tool *tool) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  copy(address.sun_path, sizeof address.sun_path, tool->console_path);
  unlink(tool->console_path);
  tool->console = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool listens = tool->console >= 0 && bind(tool->console, (struct sockaddr *)&address, sizeof address) == 0 && listen(tool->console, 1) == 0;
  if (listens) return true;
  fail_errno("listen on \"%s\"", tool->console_path);
  tool_free(tool);
  return false;
}

static void become(char *const argv[], const int fds[3], int report) {
  sigset_t none;
  sigemptyset(&none);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
  bool ready = true;
  for (int i = 0; i < 3; i++) ready = ready && dup2(fds[i], i) >= 0;
  static char *environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
  if (ready) execvpe(argv[0], argv, environment);
  int error = errno;
  if (write(report, &error, sizeof error) < 0) _exit(126);
  _exit(127);
}

static bool start(struct tool *tool, char *const argv[], const int fds[3]) {
  int report[2], error = 0;
  if (pipe2(report, O_CLOEXEC) < 0) return fail_errno("pipe2");
  pid_t pid = fork();
  if (pid == 0) become(argv, fds, report[1]);
  if (pid < 0) error = errno;
  close(report[1]);
  while (pid > 0 && read(report[0], &error, sizeof error) < 0 && errno == EINTR) continue;
  close(report[0]);
  if (pid > 0 && error != 0) waitpid(pid, NULL, 0);
  errno = error;
  if (error != 0) return fail_errno("run \"%s\"", argv[0]);
  tool->pid = pid;
  tool->deadline = now_ms() + LIMIT_MS;
  return true;
}

bool tool_run(struct tool *tool, const int fds[3], const char *const *arguments) {
  const char *argv[ARGUMENTS_MAX] = {"crun", "--root", "/run/crun", "--cgroup-manager", "cgroupfs", "--log", tool->log};
  size_t count = 7;
  while (*arguments != NULL && count < ARGUMENTS_MAX - 2) argv[count++] = *arguments++;
  argv[count++] = tool->container->id;
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  int streams[3] = {fds == NULL ? nothing : fds[0], fds == NULL ? nothing : fds[1], fds == NULL ? nothing : fds[2]};
  unlink(tool->log);
  unlink(tool->pid_file);
  /* execve's type is older than const. */
  bool started = start(tool, (char *const *)(uintptr_t)argv, streams);
  if (nothing >= 0) close(nothing);
  if (!started) tool_free(tool);
  return started;
}

void tool_note_failure(const struct tool *tool, const char *verb) {
  char text[512];
  /* The last bytes say what went wrong. */
  int fd = open(tool->log, O_RDONLY | O_CLOEXEC);
  off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
  ssize_t got = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, size > (off_t)sizeof text - 1 ? size - (off_t)sizeof text + 1 : 0);
  if (fd >= 0) close(fd);
  /* What is printed before the log is open, by the loader of programs. */
  if (got <= 0 && tool->process != NULL && tool->process->err.fd >= 0) got = read(tool->process->err.fd, text, sizeof text - 1);
  text[got > 0 ? got : 0] = '\0';
  trim(text);
  failure_clear();
  if (tool->timed_out) {
    fail(CODE_DEADLINE_EXCEEDED, "crun %s took more than %d s: %s", verb, LIMIT_MS / 1000, text);
  } else if (text[0] != '\0') {
    fail(CODE_INTERNAL, "crun %s: %s", verb, text);
  } else {
    fail(CODE_INTERNAL, "crun %s: %s %d", verb, WIFSIGNALED(tool->status) ? "ended by signal" : "exit code",
         WIFSIGNALED(tool->status) ? WTERMSIG(tool->status) : WEXITSTATUS(tool->status));
  }
}

bool tool_pid(const struct tool *tool, pid_t *pid) {
  char text[32];
  long number;
  if (read_text(-1, tool->pid_file, text, sizeof text) < 0) return fail_errno("read \"%s\"", tool->pid_file);
  trim(text);
  if (!number_of(text, 2, INT32_MAX, &number)) return fail(CODE_INTERNAL, "\"%s\" of crun is no process", text);
  *pid = (pid_t)number;
  return true;
}

bool tools_running(void) {
  for (int i = 0; i < TOOLS_MAX; i++) {
    if (tools[i].pid != 0) return true;
  }
  return false;
}

bool tools_work_on(const struct container *container) {
  for (int i = 0; i < TOOLS_MAX; i++) {
    if (tools[i].pid != 0 && tools[i].container == container) return true;
  }
  return false;
}

void tools_reap(void) {
  for (int i = 0; i < TOOLS_MAX; i++) {
    struct tool *tool = &tools[i];
    if (tool->pid == 0 || tool->ended) continue;
    tool->ended = waitpid(tool->pid, &tool->status, WNOHANG) == tool->pid;
  }
}

void tools_poll(struct poll_set *set) {
  for (int i = 0; i < TOOLS_MAX; i++) {
    const struct tool *tool = &tools[i];
    if (tool->pid == 0 || tool->ended) continue;
    poll_add(set, tool->console, POLLIN);
    if (!tool->timed_out) poll_wake_at(set, tool->deadline);
  }
}

/* One descriptor, with the name of the terminal as its message. */
static int take_descriptor(int connection) {
  char name[PATH_SIZE];
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {name, sizeof name};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  int fd = -1;
  if (recvmsg(connection, &message, MSG_CMSG_CLOEXEC) < 0) return -1;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof fd)) {
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
  }
  return fd;
}

static void take_terminal(struct tool *tool) {
  struct timeval limit = {.tv_sec = 5};
  int connection = tool->console < 0 || tool->process->out.fd >= 0 ? -1 : accept4(tool->console, NULL, NULL, SOCK_CLOEXEC);
  if (connection < 0) return;
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  int master = take_descriptor(connection);
  close(connection);
  if (master < 0) return;
  fcntl(master, F_SETFL, O_NONBLOCK);
  tool->process->out.fd = master;
  tool->process->in.fd = fcntl(master, F_DUPFD_CLOEXEC, 3);
}

static void end(struct tool *tool) {
  bool succeeded = !tool->timed_out && WIFEXITED(tool->status) && WEXITSTATUS(tool->status) == 0;
  struct tool ended = *tool;
  tool_free(tool);
  failure_clear();
  ended.console = -1;
  ended.end(&ended, succeeded);
}

void tools_step(void) {
  for (int i = 0; i < TOOLS_MAX; i++) {
    struct tool *tool = &tools[i];
    if (tool->pid == 0) continue;
    take_terminal(tool);
    if (!tool->ended && !tool->timed_out && now_ms() >= tool->deadline) {
      tool->timed_out = true;
      kill(-tool->pid, SIGKILL);
    }
    /* Every end is answered. */
    if (tool->ended && channel_has_room()) end(tool);
  }
}
