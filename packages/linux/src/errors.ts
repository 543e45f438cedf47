import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { libc } from './libc.js';
import type { Path } from './system.js';

/** A failed system call in the shape of node:fs errors. */
export interface SystemError extends Error {
  code: string;
  /** Negative, as Node's are. */
  errno: number;
  syscall: string;
  path?: string;
  dest?: string;
}

/** Errno numbers that Node gives no name; the same on amd64 and arm64. */
const moreNames: Readonly<Record<number, string>> = { 15: 'ENOTBLK', 117: 'EUCLEAN' };

let names: Map<number, string> | undefined;
/** Node makes a new map for each call that asks for it. */
let known: ReturnType<typeof getSystemErrorMap> | undefined;

function knownErrors(): NonNullable<typeof known> {
  known ??= getSystemErrorMap();
  return known;
}

export function errnoName(errno: number): string {
  names ??= new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
  // EAGAIN and EOPNOTSUPP share their numbers with EWOULDBLOCK and ENOTSUP: libuv's names are the ones Node reports.
  return knownErrors().get(-errno)?.[0] ?? names.get(errno) ?? moreNames[errno] ?? `E${errno}`;
}

export function systemError(errno: number, syscall: string, path?: Path, dest?: Path, detail?: string): SystemError {
  const code = errnoName(errno);
  const text = knownErrors().get(-errno)?.[1] ?? libc().strerror(errno);
  const from = path === undefined ? '' : ` '${path.toString()}'`;
  const to = dest === undefined ? '' : ` -> '${dest.toString()}'`;
  const error = new Error(`${code}: ${text}, ${syscall}${from}${to}${detail === undefined ? '' : ` (${detail})`}`);
  return Object.assign(error, {
    code,
    errno: -errno,
    syscall,
    ...(path === undefined ? {} : { path: path.toString() }),
    ...(dest === undefined ? {} : { dest: dest.toString() }),
  });
}

/** Passes a result through, or throws what errno says when it is -1. */
export function checked(result: number, syscall: string, path?: Path, dest?: Path): number {
  // errno is read before anything else can run on this thread.
  if (result === -1) throw systemError(libc().errno(), syscall, path, dest);
  return result;
}
