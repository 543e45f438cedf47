import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Accel, MachineSettings } from '../machine-settings.js';
import type { QemuProgram } from './command-line.js';

/** Where programs, their libraries and QEMU's own files are; on some systems a link to another of them. */
const usual = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/etc/ld.so.cache', '/etc/ld-musl-x86_64.path'] as const;
const stores = ['/nix/store', '/gnu/store'] as const;
const devices = ['/dev/null', '/dev/urandom'] as const;

/**
 * All that QEMU sees of the host: programs, libraries, three devices. What is a machine's own it has as open files. A QEMU or firmware elsewhere is shown with the folder that it was installed to
 * (`/opt/qemu` of `/opt/qemu/bin/qemu`), as it looks for its libraries and its own files there.
 */
export function shownFiles({ binary, firmware }: QemuProgram, accel: Accel): readonly string[] {
  const shown: string[] = [...usual, ...stores, ...devices, ...(accel === 'kvm' ? ['/dev/kvm'] : [])];
  // A link to it may be elsewhere.
  const programs = existsSync(binary) ? [binary, realpathSync(binary)] : [binary];
  for (const file of [...programs.map(installedTo), firmware]) {
    if (file !== undefined && !shown.some((folder) => isBelow(file, folder))) shown.push(file);
  }
  return shown;
}

function installedTo(program: string): string {
  const prefix = path.dirname(path.dirname(program));
  return prefix === '/' ? program : prefix;
}

function isBelow(file: string, folder: string): boolean {
  return file === folder || file.startsWith(`${folder}/`);
}

const mebibyte = 1024 * 1024;

/** In bytes: QEMU's memory is a file, too. */
export function largestFile({ memoryMiB, disks }: MachineSettings): number {
  const written = disks.filter(({ readOnly }) => !readOnly).flatMap(({ files }) => files);
  return Math.max(memoryMiB * mebibyte, ...written.map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0));
}
