import { closeSync, constants } from 'node:fs';
import { O_CLOEXEC } from './constants.js';
import { checked, errnoName } from './errors.js';
import { libc } from './libc.js';
import type { LinuxSystem } from './system.js';

// asm-generic/ioctls.h
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TIOCGPTPEER = 0x5441;
const TCGETS = 0x5401;
const TCSETSW = 0x5403;

// asm-generic/termbits.h: struct termios of the kernel, which is shorter than libc's.
const termios = { iflag: 0, oflag: 4, cflag: 8, lflag: 12, cc: 17, size: 36 } as const;
const VTIME = 5;
const VMIN = 6;
/** What cfmakeraw(3) clears. */
const cooked = {
  // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
  iflag: 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000,
  // OPOST
  oflag: 0o1,
  // CSIZE PARENB
  cflag: 0o60 | 0o400,
  // ISIG ICANON ECHO ECHONL IEXTEN
  lflag: 0o1 | 0o2 | 0o10 | 0o100 | 0o100000,
} as const;
const CS8 = 0o60;

export function terminalSize(fd: number): ReturnType<LinuxSystem['terminalSize']> {
  const size = Buffer.alloc(8);
  const result = libc().ioctl(fd, TIOCGWINSZ, size);
  if (result === -1 && errnoName(libc().errno()) === 'ENOTTY') return undefined;
  checked(result, 'ioctl');
  return { rows: size.readUInt16LE(0), columns: size.readUInt16LE(2) };
}

const POLLERR = 0x8;
const POLLHUP = 0x10;

export function isHungUp(fd: number): boolean {
  // struct pollfd {int fd; short events; short revents}: errors and hang-ups are told unasked.
  const descriptor = Buffer.alloc(8);
  descriptor.writeInt32LE(fd, 0);
  checked(libc().poll(descriptor, 1, 0), 'poll');
  return (descriptor.readInt16LE(6) & (POLLERR | POLLHUP)) !== 0;
}

export function setTerminalSize(fd: number, size: { readonly columns: number; readonly rows: number }): void {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(size.rows, 0);
  bytes.writeUInt16LE(size.columns, 2);
  checked(libc().ioctl(fd, TIOCSWINSZ, bytes), 'ioctl');
}

export function makeTerminalRaw(fd: number): Buffer {
  const before = Buffer.alloc(termios.size);
  checked(libc().ioctl(fd, TCGETS, before), 'ioctl');
  const raw = Buffer.from(before);
  for (const field of ['iflag', 'oflag', 'cflag', 'lflag'] as const) {
    const set = field === 'cflag' ? CS8 : 0;
    raw.writeUInt32LE(((before.readUInt32LE(termios[field]) & ~cooked[field]) | set) >>> 0, termios[field]);
  }
  raw[termios.cc + VMIN] = 1;
  raw[termios.cc + VTIME] = 0;
  setTerminalSettings(fd, raw);
  return before;
}

export function setTerminalSettings(fd: number, settings: Uint8Array): void {
  checked(libc().ioctl(fd, TCSETSW, Buffer.from(settings)), 'ioctl');
}

export function openPty(): { readonly master: number; readonly slave: number } {
  const flags = constants.O_RDWR | constants.O_NOCTTY | O_CLOEXEC;
  const master = checked(libc().posix_openpt(flags), 'posix_openpt', '/dev/ptmx');
  try {
    checked(libc().grantpt(master), 'grantpt');
    checked(libc().unlockpt(master), 'unlockpt');
    // By the master and not by name: right also where /dev/pts is another instance than the master's.
    return { master, slave: checked(libc().ioctlNumber(master, TIOCGPTPEER, flags), 'ioctl') };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}
