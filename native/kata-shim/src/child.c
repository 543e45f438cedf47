#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Above every number that is given away. */
#define ASIDE_FD (FD_MAX + 1)

struct failure {
  int error;
  char what[28];
};

bool user_parse(struct user *user, char *const strings[]) {
  long uid, gid, group;
  if (!number_of(strings[0], 1, INT32_MAX, &uid) || !number_of(strings[1], 1, INT32_MAX, &gid)) return false;
  *user = (struct user){.set = true, .uid = (uid_t)uid, .gid = (gid_t)gid};
  for (const char *at = strings[2]; *at != '\0';) {
    char word[16];
    size_t length = strcspn(at, ",");
    if (length >= sizeof word || user->group_count == GROUPS_MAX) return false;
    memcpy(word, at, length);
    word[length] = '\0';
    if (!number_of(word, 1, INT32_MAX, &group)) return false;
    user->groups[user->group_count++] = (gid_t)group;
    at += length + (at[length] == ',');
  }
  return true;
}

static int aside(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, ASIDE_FD); }

static bool is_given(const struct program *program, int fd) {
  for (size_t i = 0; i < program->given_count; i++) {
    if (program->given[i].number == fd) return true;
  }
  return fd < STREAMS;
}

/* Whatever we have by accident would be open for a program that a guest may take over. */
static bool close_others(const struct program *program) {
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) return false;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    int fd = atoi(entry->d_name);
    if (entry->d_name[0] != '.' && !is_given(program, fd) && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return false;
  }
  return closedir(folder) == 0;
}

static bool place_descriptors(const struct program *program, int null) {
  int fds[GIVEN_MAX], output = aside(program->output);
  if (null < 0 || output < 0) return false;
  for (size_t i = 0; i < program->given_count; i++) {
    fds[i] = aside(program->given[i].fd);
    if (fds[i] < 0) return false;
  }
  if (dup2(null, STREAM_IN) < 0 || dup2(output, STREAM_OUT) < 0 || dup2(output, STREAM_ERR) < 0) return false;
  for (size_t i = 0; i < program->given_count; i++) {
    if (dup2(fds[i], program->given[i].number) < 0) return false;
  }
  return close_others(program);
}

static bool drop_privileges(const struct user *user) {
  return setgroups(user->group_count, user->groups) == 0 && setresgid(user->gid, user->gid, user->gid) == 0 && setresuid(user->uid, user->uid, user->uid) == 0;
}

/* Root still, but with nothing that is for more than files, users, namespaces and processes. */
#define HELPER_PRIVILEGES                                                                                                                                                  \
  (PRIVILEGE(CAP_CHOWN) | PRIVILEGE(CAP_DAC_OVERRIDE) | PRIVILEGE(CAP_DAC_READ_SEARCH) | PRIVILEGE(CAP_FOWNER) | PRIVILEGE(CAP_FSETID) | PRIVILEGE(CAP_KILL) |             \
   PRIVILEGE(CAP_SETGID) | PRIVILEGE(CAP_SETUID) | PRIVILEGE(CAP_SETPCAP) | PRIVILEGE(CAP_SYS_CHROOT) | PRIVILEGE(CAP_MKNOD) | PRIVILEGE(CAP_SETFCAP) |                   \
   PRIVILEGE(CAP_SYS_ADMIN) | PRIVILEGE(CAP_SYS_RESOURCE))

/* NULL, or what failed. */
static const char *enter_jail(const struct jail *jail) {
  const struct rlimit file_size = {(rlim_t)jail->file_size, (rlim_t)jail->file_size};
  if (geteuid() == 0 && unshare(CLONE_NEWNET) < 0) return "unshare(CLONE_NEWNET)";
  if (geteuid() == 0 && !root_enter(jail->shown, jail->shown_count)) return "a root folder of its own";
  umask(077);
  if (jail->file_size > 0 && setrlimit(RLIMIT_FSIZE, &file_size) < 0) return "setrlimit(RLIMIT_FSIZE)";
  return jail->user.set && !drop_privileges(&jail->user) ? "setresuid" : NULL;
}

/* NULL, or what failed. */
static const char *become(const struct program *program, pid_t parent) {
  const struct rlimit none = {0, 0};
  signals_reset();
  umask(077);
  if (setsid() < 0) return "setsid";
  if (setrlimit(RLIMIT_CORE, &none) < 0) return "setrlimit";
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (geteuid() == 0 && unshare(CLONE_NEWIPC) < 0) return "unshare(CLONE_NEWIPC)";
  if (geteuid() == 0 && program->jail == NULL && !privileges_bound(HELPER_PRIVILEGES)) return "PR_CAPBSET_DROP";
  const char *failed = program->jail == NULL ? NULL : enter_jail(program->jail);
  if (failed != NULL) return failed;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return "PR_SET_NO_NEW_PRIVS";
  if (!place_descriptors(program, null)) return "descriptors";
  /* Last: a change of the user takes it away. And whoever died before it sends no signal. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return "PR_SET_PDEATHSIG";
  if (getppid() != parent) _exit(126);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char *environment[] = {path, NULL};
  execve(program->argv[0], program->argv, environment);
  return "execve";
}

int program_start(const struct program *program, pid_t *pid, const char **what) {
  static struct failure failure;
  int report_pipe[2];
  pid_t parent = getpid();
  *what = "pipe2";
  if (pipe2(report_pipe, O_CLOEXEC) < 0) return errno;
  *what = "fork";
  *pid = fork();
  if (*pid == 0) {
    int to = aside(report_pipe[1]);
    const char *failed = to < 0 ? "fcntl" : become(program, parent);
    failure.error = errno;
    copy(failure.what, sizeof failure.what, failed);
    _exit(write(to, &failure, sizeof failure) < 0 ? 125 : 127);
  }
  failure.error = *pid < 0 ? errno : 0;
  close(report_pipe[1]);
  if (*pid > 0) {
    *what = failure.what;
    ssize_t got;
    while ((got = read(report_pipe[0], &failure, sizeof failure)) < 0 && errno == EINTR) continue;
    if (got > 0) waitpid(*pid, NULL, 0);
  }
  close(report_pipe[0]);
  return failure.error;
}

void ended_text(struct text *text, int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    text_add(text, "was killed by signal %d", WTERMSIG(wait_status));
  } else {
    text_add(text, "exited with status %d", WEXITSTATUS(wait_status));
  }
}
