import { createRequire } from 'node:module';

type Bytes = Uint8Array | null;
/** Ends with null. */
type Strings = readonly (string | null)[];

/** The libc functions in use, with the C types that amd64 and arm64 share. Each answers -1 on failure, those of posix_spawn(3) the errno. */
export interface Libc {
  errno(): number;
  strerror(errno: number): string;
  mknod(path: Bytes, mode: number, device: bigint): number;
  utimensat(dirFd: number, path: Bytes, times: Bytes, flags: number): number;
  lsetxattr(path: Bytes, name: Bytes, value: Bytes, size: number, flags: number): number;
  fsetxattr(fd: number, name: Bytes, value: Bytes, size: number, flags: number): number;
  lgetxattr(path: Bytes, name: Bytes, value: Bytes, size: number): number;
  llistxattr(path: Bytes, list: Bytes, size: number): number;
  lremovexattr(path: Bytes, name: Bytes): number;
  openat(dirFd: number, path: Bytes, flags: number, mode: number): number;
  copy_file_range(from: number, fromOffset: Bytes, to: number, toOffset: Bytes, bytes: number, flags: number): number;
  lseek(fd: number, offset: number, whence: number): number;
  syncfs(fd: number): number;
  flock(fd: number, operation: number): number;
  fcntl(fd: number, command: number, argument: Bytes): number;
  umount2(path: Bytes, flags: number): number;
  mount(source: Bytes, target: Bytes, fstype: Bytes, flags: number, data: Bytes): number;
  unshare(flags: number): number;
  setns(fd: number, kind: number): number;
  socket(family: number, type: number, protocol: number): number;
  bind(fd: number, address: Bytes, size: number): number;
  listen(fd: number, backlog: number): number;
  shutdown(fd: number, how: number): number;
  getsockname(fd: number, address: Bytes, size: Bytes): number;
  setsockopt(fd: number, level: number, name: number, value: Bytes, size: number): number;
  inet_pton(family: number, text: string, address: Bytes): number;
  kill(pid: number, signal: number): number;
  posix_spawn(pid: Bytes, path: Bytes, actions: Bytes, attributes: Bytes, argv: Strings, environment: Strings): number;
  posix_spawn_file_actions_init(actions: Bytes): number;
  posix_spawn_file_actions_destroy(actions: Bytes): number;
  posix_spawn_file_actions_adddup2(actions: Bytes, fd: number, newFd: number): number;
  posix_spawn_file_actions_addclose(actions: Bytes, fd: number): number;
  posix_spawn_file_actions_addchdir_np(actions: Bytes, path: Bytes): number;
  posix_spawnattr_init(attributes: Bytes): number;
  posix_spawnattr_setflags(attributes: Bytes, flags: number): number;
  posix_spawnattr_setsigdefault(attributes: Bytes, signals: Bytes): number;
  posix_spawnattr_setsigmask(attributes: Bytes, signals: Bytes): number;
  waitpid(pid: number, status: Bytes, options: number): number;
  socketpair(domain: number, type: number, protocol: number, pair: Bytes): number;
  poll(descriptors: Bytes, count: number, timeoutMs: number): number;
  ioctl(fd: number, request: number, argument: Bytes): number;
  ioctlNumber(fd: number, request: number, argument: number): number;
  posix_openpt(flags: number): number;
  grantpt(fd: number): number;
  unlockpt(fd: number): number;
  renameat2(fromDirFd: number, from: Bytes, toDirFd: number, to: Bytes, flags: number): number;
  openTree(dirFd: number, path: Bytes, flags: number): number;
  moveMount(fromFd: number, from: Bytes, toFd: number, to: Bytes, flags: number): number;
  fsopen(fstype: Bytes, flags: number): number;
  fsconfig(fd: number, command: number, key: Bytes, value: Bytes, aux: number): number;
  fsmount(fd: number, flags: number, attributes: number): number;
  openat2(dirFd: number, path: Bytes, how: Bytes, size: number): number;
  mountSetattr(fd: number, path: Bytes, flags: number, attributes: Bytes, size: number): number;
}

let loaded: Libc | undefined;

/** Bound on first use: loading koffi takes some 10 ms, which a command that makes no such call does not pay. */
export function libc(): Libc {
  loaded ??= bind();
  return loaded;
}

function bind(): Libc {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const lib = koffi.load(null);
  const c = <Result = number>(definition: string) => onFirstCall<Result>(() => lib.func(definition));
  // System calls since 5.2 have one number on every architecture; older ones go through libc. Variadic functions are
  // declared with fixed arguments, which the calling conventions of Linux on amd64 and arm64 pass alike.
  const syscall = (...types: readonly string[]) => onFirstCall(() => lib.func('syscall', 'long', ['long', ...types]));
  const openTree = syscall('int', 'const void *', 'uint');
  const moveMount = syscall('int', 'const void *', 'int', 'const void *', 'uint');
  const fsopen = syscall('const void *', 'uint');
  const fsconfig = syscall('int', 'uint', 'const void *', 'const void *', 'int');
  const fsmount = syscall('int', 'uint', 'uint');
  const openat2 = syscall('int', 'const void *', 'void *', 'size_t');
  const mountSetattr = syscall('int', 'const void *', 'uint', 'void *', 'size_t');
  return {
    errno: () => koffi.errno(),
    strerror: c<string>('const char *strerror(int errnum)'),
    mknod: c('int mknod(const void *path, uint mode, uint64_t device)'),
    utimensat: c('int utimensat(int dirfd, const void *path, const void *times, int flags)'),
    lsetxattr: c('int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)'),
    fsetxattr: c('int fsetxattr(int fd, const void *name, const void *value, size_t size, int flags)'),
    lgetxattr: c('long lgetxattr(const void *path, const void *name, void *value, size_t size)'),
    llistxattr: c('long llistxattr(const void *path, void *list, size_t size)'),
    lremovexattr: c('int lremovexattr(const void *path, const void *name)'),
    openat: c('int openat(int dirfd, const void *path, int flags, uint mode)'),
    copy_file_range: c('long copy_file_range(int from, void *from_offset, int to, void *to_offset, size_t bytes, uint flags)'),
    lseek: c('int64_t lseek(int fd, int64_t offset, int whence)'),
    syncfs: c('int syncfs(int fd)'),
    flock: c('int flock(int fd, int operation)'),
    fcntl: c('int fcntl(int fd, int command, void *argument)'),
    umount2: c('int umount2(const void *path, int flags)'),
    mount: c('int mount(const void *source, const void *target, const void *fstype, ulong flags, const void *data)'),
    unshare: c('int unshare(int flags)'),
    setns: c('int setns(int fd, int kind)'),
    socket: c('int socket(int family, int type, int protocol)'),
    bind: c('int bind(int fd, const void *address, uint size)'),
    listen: c('int listen(int fd, int backlog)'),
    shutdown: c('int shutdown(int fd, int how)'),
    getsockname: c('int getsockname(int fd, void *address, void *size)'),
    setsockopt: c('int setsockopt(int fd, int level, int name, const void *value, uint size)'),
    inet_pton: c('int inet_pton(int family, const char *text, void *address)'),
    kill: c('int kill(int pid, int signal)'),
    posix_spawn: c(
      'int posix_spawn(void *pid, const void *path, const void *actions, const void *attributes, const char **argv, const char **environment)',
    ),
    posix_spawn_file_actions_init: c('int posix_spawn_file_actions_init(void *actions)'),
    posix_spawn_file_actions_destroy: c('int posix_spawn_file_actions_destroy(void *actions)'),
    posix_spawn_file_actions_adddup2: c('int posix_spawn_file_actions_adddup2(void *actions, int fd, int newfd)'),
    posix_spawn_file_actions_addclose: c('int posix_spawn_file_actions_addclose(void *actions, int fd)'),
    posix_spawn_file_actions_addchdir_np: c('int posix_spawn_file_actions_addchdir_np(void *actions, const void *path)'),
    posix_spawnattr_init: c('int posix_spawnattr_init(void *attributes)'),
    posix_spawnattr_setflags: c('int posix_spawnattr_setflags(void *attributes, short flags)'),
    posix_spawnattr_setsigdefault: c('int posix_spawnattr_setsigdefault(void *attributes, const void *signals)'),
    posix_spawnattr_setsigmask: c('int posix_spawnattr_setsigmask(void *attributes, const void *signals)'),
    waitpid: c('int waitpid(int pid, void *status, int options)'),
    socketpair: c('int socketpair(int domain, int type, int protocol, void *pair)'),
    poll: c('int poll(void *descriptors, ulong count, int timeout)'),
    ioctl: c('int ioctl(int fd, ulong request, void *argument)'),
    ioctlNumber: lib.func('ioctl', 'int', ['int', 'ulong', 'ulong']),
    posix_openpt: c('int posix_openpt(int flags)'),
    grantpt: c('int grantpt(int fd)'),
    unlockpt: c('int unlockpt(int fd)'),
    renameat2: bindRenameat2(lib, syscall),
    openTree: (dirFd, path, flags) => openTree(428, dirFd, path, flags),
    moveMount: (fromFd, from, toFd, to, flags) => moveMount(429, fromFd, from, toFd, to, flags),
    fsopen: (fstype, flags) => fsopen(430, fstype, flags),
    fsconfig: (fd, command, key, value, aux) => fsconfig(431, fd, command, key, value, aux),
    fsmount: (fd, flags, attributes) => fsmount(432, fd, flags, attributes),
    openat2: (dirFd, path, how, size) => openat2(437, dirFd, path, how, size),
    mountSetattr: (fd, path, flags, attributes, size) => mountSetattr(442, fd, path, flags, attributes, size),
  };
}

/** To bind all of them takes 3 ms; a command uses a few. */
function onFirstCall<Result = number>(bindOne: () => (...args: unknown[]) => Result): (...args: unknown[]) => Result {
  let bound: ((...args: unknown[]) => Result) | undefined;
  return (...args) => {
    bound ??= bindOne();
    return bound(...args);
  };
}

type Library = ReturnType<typeof import('koffi')['load']>;

/** musl has the wrapper only since 1.2.6; the system call is older than the shared numbers. */
function bindRenameat2(
  lib: Library,
  syscall: (...types: readonly string[]) => (...args: unknown[]) => number,
): Libc['renameat2'] {
  try {
    return lib.func('int renameat2(int fromfd, const void *from, int tofd, const void *to, uint flags)');
  } catch {
    const call = syscall('int', 'const void *', 'int', 'const void *', 'uint');
    const number = process.arch === 'arm64' ? 276 : 316;
    return (fromDirFd, from, toDirFd, to, flags) => call(number, fromDirFd, from, toDirFd, to, flags);
  }
}
