import { readSync, statfsSync, writeSync } from 'node:fs';
import { cString } from './bytes.js';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_CLOEXEC } from './constants.js';
import { checked, errnoName, systemError } from './errors.js';
import { libc } from './libc.js';
import type { DataRange, LinuxSystem, Path } from './system.js';

export function mknod(path: Path, mode: number, major: number, minor: number): void {
  checked(libc().mknod(cString(path), mode, makedev(major, minor)), 'mknod', path);
}

/** dev_t of glibc, musl and the kernel: 12 + 20 bits of major, 8 + 24 of minor, interleaved. */
export function makedev(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)];
  return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn);
}

/** The inverse of {@link makedev}: what node:fs answers as `rdev`. */
export function splitdev(device: bigint): { readonly major: number; readonly minor: number } {
  return {
    major: Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)),
    minor: Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn)),
  };
}

const nsPerSecond = 1_000_000_000n;

export function lutimes(path: Path, atimeNs: bigint, mtimeNs: bigint): void {
  const times = Buffer.alloc(32);
  [atimeNs, mtimeNs].forEach((ns, i) => {
    // timespec wants 0 <= nanoseconds < 10^9 also before 1970: the remainder is taken towards minus infinity.
    const rest = ((ns % nsPerSecond) + nsPerSecond) % nsPerSecond;
    times.writeBigInt64LE((ns - rest) / nsPerSecond, i * 16);
    times.writeBigInt64LE(rest, i * 16 + 8);
  });
  checked(libc().utimensat(AT_FDCWD, cString(path), times, AT_SYMLINK_NOFOLLOW), 'utimensat', path);
}

export function openat(dirFd: number, name: Path, flags: number, mode = 0): number {
  return checked(libc().openat(dirFd, cString(name), flags | O_CLOEXEC, mode), 'openat', name);
}

const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_IN_ROOT = 0x10;

export function openInRoot(rootFd: number, path: Path, flags: number, mode = 0): number {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16);
  const name = cString(path);
  for (let attempt = 0; ; attempt++) {
    const fd = libc().openat2(rootFd, name, how, how.length);
    if (fd !== -1) return fd;
    const errno = libc().errno();
    // EAGAIN: a rename or mount anywhere raced with `..`, so the kernel could not vouch for the result (openat2(2)).
    if (errnoName(errno) !== 'EAGAIN' || attempt === 1000) throw systemError(errno, 'openat2', path);
  }
}

/** What copy_file_range(2) answers between file systems or for files that cannot do it. */
const notCopyable: ReadonlySet<string> = new Set(['EXDEV', 'EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EBADF']);

/** At once: a tenth of a second of a disk, so that who wants it to stop is not kept waiting. */
const copiedAtOnce = 1 << 26;
const goOn = (): void => undefined;

export function copyFile(fromFd: number, toFd: number, bytes: number, checkpoint: () => void = goOn): void {
  let left = bytes;
  while (left > 0) {
    checkpoint();
    const done = libc().copy_file_range(fromFd, null, toFd, null, Math.min(left, copiedAtOnce), 0);
    if (done === -1 && !notCopyable.has(errnoName(libc().errno()))) checked(done, 'copy_file_range');
    // 0 is the end of the file, but also what some pseudo file systems answer: read(2) knows.
    if (done <= 0) {
      copyByReading(fromFd, toFd, left, checkpoint);
      return;
    }
    left -= done;
  }
}

function copyByReading(fromFd: number, toFd: number, bytes: number, checkpoint: () => void): void {
  const buffer = Buffer.allocUnsafe(Math.min(bytes, 1 << 20));
  let left = bytes;
  while (left > 0) {
    checkpoint();
    const read = readSync(fromFd, buffer, 0, Math.min(left, buffer.length), null);
    if (read === 0)
      throw Object.assign(new Error(`EIO: the file ended ${left} of ${bytes} bytes early, read`), {
        code: 'EIO',
        syscall: 'read',
      });
    for (let written = 0; written < read; ) written += writeSync(toFd, buffer, written, read - written, null);
    left -= read;
  }
}

const [SEEK_SET, SEEK_DATA, SEEK_HOLE] = [0, 3, 4];

export function copySparse(fromFd: number, toFd: number, size: number, checkpoint?: () => void): void {
  for (const { start, end } of dataRanges(fromFd, size)) {
    checked(libc().lseek(fromFd, start, SEEK_SET), 'lseek');
    checked(libc().lseek(toFd, start, SEEK_SET), 'lseek');
    copyFile(fromFd, toFd, end - start, checkpoint);
  }
}

export function* dataRanges(fd: number, size: number): Generator<DataRange> {
  for (let end = 0; end < size; ) {
    const start = libc().lseek(fd, end, SEEK_DATA);
    if (start === -1) {
      const errno = libc().errno();
      // ENXIO: nothing but a hole from here to the end.
      if (errnoName(errno) === 'ENXIO') return;
      throw systemError(errno, 'lseek');
    }
    if (start >= size) return;
    end = Math.min(size, checked(libc().lseek(fd, start, SEEK_HOLE), 'lseek'));
    yield { start, end };
  }
}

export function syncfs(fd: number): void {
  checked(libc().syncfs(fd), 'syncfs');
}

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

export function tryFlock(fd: number, mode: 'exclusive' | 'shared'): boolean {
  const result = libc().flock(fd, (mode === 'exclusive' ? LOCK_EX : LOCK_SH) | LOCK_NB);
  if (result === -1 && errnoName(libc().errno()) === 'EAGAIN') return false;
  checked(result, 'flock');
  return true;
}

export function unflock(fd: number): void {
  checked(libc().flock(fd, LOCK_UN), 'flock');
}

const [F_OFD_GETLK, F_OFD_SETLK] = [36, 37];
const [F_RDLCK, F_WRLCK, F_UNLCK] = [0, 1, 2];

export function lockByte(fd: number, offset: bigint): void {
  checked(libc().fcntl(fd, F_OFD_SETLK, byteLock(F_RDLCK, offset)), 'fcntl');
}

export function isByteLocked(fd: number, offset: bigint): boolean {
  // Asks whether a write lock would be granted; to ask, the file need not be open for writing.
  const lock = byteLock(F_WRLCK, offset);
  checked(libc().fcntl(fd, F_OFD_GETLK, lock), 'fcntl');
  return lock.readInt16LE(0) !== F_UNLCK;
}

/** `struct flock` of one byte, with offsets from the beginning of the file (SEEK_SET is 0). */
function byteLock(type: number, offset: bigint): Buffer {
  const lock = Buffer.alloc(32);
  lock.writeInt16LE(type, 0);
  lock.writeBigInt64LE(offset, 8);
  lock.writeBigInt64LE(1n, 16);
  return lock;
}

const FIOCLEX = 0x5451;

export function setCloseOnExec(fd: number): void {
  checked(libc().ioctlNumber(fd, FIOCLEX, 0), 'ioctl');
}

export function statfs(path: Path): ReturnType<LinuxSystem['statfs']> {
  const { type, bsize, blocks, bavail } = statfsSync(path, { bigint: true });
  return { type: Number(type), blockSize: Number(bsize), blocks, available: bavail };
}

const RENAME_NOREPLACE = 1;

export function renameNoReplace(from: Path, to: Path): void {
  checked(libc().renameat2(AT_FDCWD, cString(from), AT_FDCWD, cString(to), RENAME_NOREPLACE), 'renameat2', from, to);
}
