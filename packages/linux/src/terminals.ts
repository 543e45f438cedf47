import { closeSync, constants } from 'node:fs';
import { O_CLOEXEC } from './constants.js';
import { checked, errnoName } from './errors.js';
import { libc } from './libc.js';
import type { LinuxSystem } from './system.js';

// asm-generic/ioctls.h
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TIOCGPTPEER = 0x5441;

export function terminalSize(fd: number): ReturnType<LinuxSystem['terminalSize']> {
  const size = Buffer.alloc(8);
  const result = libc().ioctl(fd, TIOCGWINSZ, size);
  if (result === -1 && errnoName(libc().errno()) === 'ENOTTY') return undefined;
  checked(result, 'ioctl');
  return { rows: size.readUInt16LE(0), columns: size.readUInt16LE(2) };
}

export function setTerminalSize(fd: number, size: { readonly columns: number; readonly rows: number }): void {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(size.rows, 0);
  bytes.writeUInt16LE(size.columns, 2);
  checked(libc().ioctl(fd, TIOCSWINSZ, bytes), 'ioctl');
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
