// The first process of a guest whose agent is ended, or stopped, when somebody in the guest writes `end` or `hold` to the kernel's name for core dumps.
// From inside nobody can signal the first process; a debugger that began beside it can.
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static void wait_for_word(char *word, size_t size) {
  do {
    usleep(20 * 1000);
    memset(word, 0, size);
    int fd = open("/first/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, word, size - 1) < 0) _exit(1);
    close(fd);
  } while (strncmp(word, "end", 3) != 0 && strncmp(word, "hold", 4) != 0);
}

int main(void) {
  mkdir("/first", 0755);
  mount("proc", "/first", "proc", 0, NULL);
  if (fork() == 0) {
    char word[8];
    struct user_regs_struct registers;
    wait_for_word(word, sizeof word);
    if (ptrace(PTRACE_ATTACH, 1, 0, 0) < 0 || waitpid(1, NULL, __WALL) < 0) _exit(2);
    while (word[0] == 'h') pause();
    ptrace(PTRACE_GETREGS, 1, 0, &registers);
    registers.rip = 0;
    registers.orig_rax = (unsigned long)-1;
    ptrace(PTRACE_SETREGS, 1, 0, &registers);
    ptrace(PTRACE_DETACH, 1, 0, 0);
    _exit(0);
  }
  execl("/init", "/init", NULL);
  return 1;
}
