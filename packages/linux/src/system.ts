import type { BlockMount, Mount } from '@slipway/plugin-api';

/** A path as the kernel sees it: bytes without NUL. Strings are taken as UTF-8. */
export type Path = string | Buffer;

/**
 * The Linux calls that Node does not have. Synchronous: the heavy users run in worker threads. Every failure throws an
 * Error with `code` (ENOENT ...), `errno`, `syscall` and `path`, as node:fs does.
 *
 * It is an interface so that a test can put faults behind it (a call that answers ENOSPC on its n-th use).
 */
export interface LinuxSystem {
  /** mknod(2). `mode` with its file type bits; `major`/`minor` of a device. */
  mknod(path: Path, mode: number, major: number, minor: number): void;
  /** utimensat(2) on the link itself, whole nanoseconds since 1970, negative before. */
  lutimes(path: Path, atimeNs: bigint, mtimeNs: bigint): void;
  /** lsetxattr(2). */
  lsetxattr(path: Path, name: Path, value: Uint8Array): void;
  /** fsetxattr(2): of a file that is open for more than its path. */
  fsetxattr(fd: number, name: Path, value: Uint8Array): void;
  /** llistxattr(2); names as bytes, in the kernel's order. */
  llistxattr(path: Path): Buffer[];
  /** lgetxattr(2); undefined when there is no such attribute. */
  lgetxattr(path: Path, name: Path): Buffer | undefined;
  lremovexattr(path: Path, name: Path): void;
  /** openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: `path` is resolved as chroot(2) to `rootFd` would, atomically. Returns a descriptor (O_CLOEXEC). */
  openInRoot(rootFd: number, path: Path, flags: number, mode?: number): number;
  /** openat(2), for a single name below a directory descriptor. O_CLOEXEC is added. */
  openat(dirFd: number, name: Path, flags: number, mode?: number): number;
  /**
   * Copies file content from one descriptor to another by copy_file_range(2), or by reading and writing where that is not possible.
   * `checkpoint` is called now and then; what it throws ends the work.
   */
  copyFile(fromFd: number, toFd: number, bytes: number, checkpoint?: () => void): void;
  /**
   * Copies the first `size` bytes of a file, leaving holes where it has holes. The target must be empty; its length is the caller's to set
   * (ftruncate). `checkpoint` as of {@link LinuxSystem.copyFile}.
   */
  copySparse(fromFd: number, toFd: number, size: number, checkpoint?: () => void): void;
  /** Where a file has data, up to `size`, in rising order (lseek(2) SEEK_DATA and SEEK_HOLE). The rest is holes. Moves the descriptor's position. */
  dataRanges(fd: number, size: number): Generator<DataRange>;
  /** syncfs(2) of the file system that `fd` is on. */
  syncfs(fd: number): void;
  /** flock(2) with LOCK_NB. False when another open file holds it. */
  tryFlock(fd: number, mode: 'exclusive' | 'shared'): boolean;
  unflock(fd: number): void;
  /**
   * Shared lock of an open file (fcntl(2) F_OFD_SETLK) on the byte at `offset`, which need not exist: also of a directory, and without the right
   * to write. Closing the descriptor frees it, and so does the end of the process.
   */
  lockByte(fd: number, offset: bigint): void;
  /** Whether another open file has that byte locked (F_OFD_GETLK). */
  isByteLocked(fd: number, offset: bigint): boolean;
  /** ioctl(2) FIOCLEX: for a descriptor that a native library opened without O_CLOEXEC. */
  setCloseOnExec(fd: number): void;
  /**
   * Makes the tree that the mounts describe, attached to nowhere (fsopen, fsmount, open_tree): seen through the returned
   * descriptor only, gone when the last descriptor of it is closed. More than one mount are stacked on each other.
   * With `readOnly`, an overlay's upper directory becomes its topmost lower one and every other kind is mounted read-only.
   */
  mountDetached(mounts: readonly Mount[], options?: { readonly readOnly?: boolean }): number;
  /**
   * The file system that the `upper` of a `LayersMount` is in, detached: its folders `upper` and `work` as they are, whiteouts included. With `readOnly` also while
   * another writes to it, and with what its journal has. Errors: ENOTDIR when `upper` is no directory, but a link that a guest has made;
   * `failed-precondition` (IMAGE_IN_USE).
   */
  mountUpper(upper: BlockMount): number;
  /**
   * open_tree(2) with OPEN_TREE_CLONE: what is at a descriptor (O_PATH will do; a file or a directory), once more, attached to nowhere, as
   * {@link LinuxSystem.mountDetached} returns it. The descriptor must be of a mount that is attached in this mount namespace.
   */
  cloneTree(fd: number, options: CloneTreeOptions): number;
  /** mount_setattr(2) of a detached tree, with every mount of it: nobody writes through it any more. */
  makeReadOnly(mountFd: number): void;
  /** mount_setattr(2) of a detached tree, with every mount of it: device nodes and setuid bits mean nothing there (nodev, nosuid). */
  makeInert(mountFd: number): void;
  /** move_mount(2) of a detached tree onto a directory. `inert`: its device nodes and setuid bits mean nothing there (nodev, nosuid). */
  attachMount(mountFd: number, directory: Path, options?: { readonly inert?: boolean }): void;
  /** umount2(2) with UMOUNT_NOFOLLOW; `detach` adds MNT_DETACH. */
  unmount(directory: Path, options?: { readonly detach?: boolean }): void;
  /** unshare(2) of the calling thread's mount namespace, with propagation of everything set to slave. */
  unshareMounts(): void;
  /**
   * unshare(2) of a network namespace, with its loopback up, and back to the one from before: the descriptor (O_CLOEXEC) is all that holds it. Where there is no way back the process
   * aborts.
   */
  createNetworkNamespace(): number;
  /** setns(2) of the calling thread, and of what it starts from now on. */
  enterNetworkNamespace(fd: number): void;
  /** socket(2), O_CLOEXEC and O_NONBLOCK, in the network namespace of a descriptor: it stays of that one, whoever uses it. */
  openSocket(kind: SocketKind): number;
  /**
   * Takes a port of this network namespace so that nobody else gets it, for as long as the descriptor (O_CLOEXEC) is open: bound, and not listening. A server's remains (TIME_WAIT)
   * do not count. Errors: EADDRINUSE, EADDRNOTAVAIL (the address is not this host's), EACCES, EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT.
   */
  holdPort(port: PortToHold): HeldPort;
  /** kill(2), also with signal numbers that Node does not name. */
  kill(pid: number, signal: number): void;
  /**
   * posix_spawn(3), which does not copy this process' page tables as fork(2) does: in one of 300 MiB that took 18 ms, and each page it wrote afterwards a fault.
   * In a session of its own, with no signal ignored or blocked. The child's number; whoever starts it must {@link LinuxSystem.reap} it.
   */
  spawn(program: string, options: SpawnOptions): number;
  /** waitpid(2) with WNOHANG: whether the child has ended and is gone. Not of one that Node started. */
  reap(pid: number): boolean;
  /** socketpair(2) of two streams, O_CLOEXEC. */
  socketPair(): readonly [number, number];
  /** TIOCGWINSZ. Undefined when `fd` is no terminal. */
  terminalSize(fd: number): { readonly columns: number; readonly rows: number } | undefined;
  /** poll(2): nobody is at the other end of this pipe, socket or terminal any more. */
  isHungUp(fd: number): boolean;
  /** TIOCSWINSZ. */
  setTerminalSize(fd: number, size: { readonly columns: number; readonly rows: number }): void;
  /** As cfmakeraw(3) and tcsetattr(3): every byte passes as it is, both ways. Returns what {@link setTerminalSettings} takes to undo it. */
  makeTerminalRaw(fd: number): Buffer;
  /** TCSETSW: when what was written before is out. */
  setTerminalSettings(fd: number, settings: Uint8Array): void;
  /** posix_openpt(3), grantpt, unlockpt, and the other end opened. Both O_CLOEXEC, O_NOCTTY. */
  openPty(): { readonly master: number; readonly slave: number };
  /** statfs(2): the magic number of the file system type, block size and counts. */
  statfs(path: Path): { readonly type: number; readonly blockSize: number; readonly blocks: bigint; readonly available: bigint };
  /** renameat2(2) with RENAME_NOREPLACE: EEXIST when `to` is there. */
  renameNoReplace(from: Path, to: Path): void;
}

/** Bytes `start` to `end` of a file. */
export interface DataRange {
  readonly start: number;
  readonly end: number;
}

export interface SpawnOptions {
  /** With the program's own name first. */
  readonly argv: readonly string[];
  /** Each `NAME=VALUE`; nothing else. */
  readonly environment: readonly string[];
  /** The working directory. */
  readonly directory: string;
  /** Of this process, for 0, 1, 2 and on of the child, which has no others but those without O_CLOEXEC. */
  readonly descriptors: readonly number[];
}

export interface SocketKind {
  readonly family: 4 | 6;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Descriptor; absent: the thread's own. */
  readonly namespace?: number;
}

export interface PortToHold {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** `0.0.0.0` and `::` are all addresses of their family alone. */
  readonly address: string;
  /** 0: the kernel's choice. */
  readonly port: number;
}

export interface HeldPort {
  readonly fd: number;
  readonly port: number;
}

export interface CloneTreeOptions {
  /** With what is mounted below. */
  readonly recursive: boolean;
  /** Every mount of it. */
  readonly readOnly: boolean;
  /**
   * What is mounted later in one of the two shows in the other: never, or from the original to the copy (slave), or both ways (shared; only
   * where the original is shared).
   */
  readonly propagation: 'private' | 'slave' | 'shared';
}
