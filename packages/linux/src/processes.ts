import { cString } from './bytes.js';
import { O_CLOEXEC } from './constants.js';
import { checked, errnoName, systemError } from './errors.js';
import { libc } from './libc.js';
import type { LinuxSystem, SpawnOptions } from './system.js';

// spawn.h
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
/** More than posix_spawnattr_t and posix_spawn_file_actions_t take in glibc and musl (336 and 80). */
const structBytes = 512;
const signalSetBytes = 128;

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const WNOHANG = 1;

export function spawnProcess(program: string, options: SpawnOptions): number {
  const actions = Buffer.alloc(structBytes);
  const attributes = Buffer.alloc(structBytes);
  const succeed = (errno: number, call: string): void => {
    if (errno !== 0) throw systemError(errno, call, program);
  };
  succeed(libc().posix_spawn_file_actions_init(actions), 'posix_spawn_file_actions_init');
  try {
    describe(actions, attributes, options, succeed);
    const pid = Buffer.alloc(4);
    const [path, argv] = [cString(program), [...options.argv, null]];
    succeed(libc().posix_spawn(pid, path, actions, attributes, argv, [...options.environment, null]), 'posix_spawn');
    return pid.readInt32LE();
  } finally {
    libc().posix_spawn_file_actions_destroy(actions);
  }
}

function describe(
  actions: Buffer,
  attributes: Buffer,
  { directory, descriptors }: SpawnOptions,
  succeed: (errno: number, call: string) => void,
): void {
  const c = libc();
  const move = (from: number, to: number) =>
    succeed(c.posix_spawn_file_actions_adddup2(actions, from, to), 'posix_spawn_file_actions_adddup2');
  // One that lies where another is to come would be lost: out of the way first.
  const free = Math.max(descriptors.length, ...descriptors.map((fd) => fd + 1));
  const isInTheWay = (fd: number, to: number) => fd < descriptors.length && fd !== to;
  descriptors.forEach((fd, to) => {
    if (isInTheWay(fd, to)) move(fd, free + to);
  });
  // dup2 to itself takes its O_CLOEXEC away.
  descriptors.forEach((fd, to) => {
    move(isInTheWay(fd, to) ? free + to : fd, to);
  });
  descriptors.forEach((fd, to) => {
    if (isInTheWay(fd, to)) succeed(c.posix_spawn_file_actions_addclose(actions, free + to), 'posix_spawn_file_actions_addclose');
  });
  succeed(c.posix_spawn_file_actions_addchdir_np(actions, cString(directory)), 'posix_spawn_file_actions_addchdir_np');

  succeed(c.posix_spawnattr_init(attributes), 'posix_spawnattr_init');
  // Ignored signals, as Node's SIGPIPE, would stay ignored in the program.
  succeed(c.posix_spawnattr_setsigdefault(attributes, Buffer.alloc(signalSetBytes, 0xff)), 'posix_spawnattr_setsigdefault');
  succeed(c.posix_spawnattr_setsigmask(attributes, Buffer.alloc(signalSetBytes)), 'posix_spawnattr_setsigmask');
  const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID;
  succeed(c.posix_spawnattr_setflags(attributes, flags), 'posix_spawnattr_setflags');
}

export function reap(pid: number): boolean {
  const reaped = libc().waitpid(pid, null, WNOHANG);
  // Whoever ignores SIGCHLD has no children to reap.
  if (reaped === -1 && errnoName(libc().errno()) === 'ECHILD') return true;
  return checked(reaped, 'waitpid') === pid;
}

export function socketPair(): ReturnType<LinuxSystem['socketPair']> {
  const pair = Buffer.alloc(8);
  // SOCK_CLOEXEC is O_CLOEXEC.
  checked(libc().socketpair(AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, pair), 'socketpair');
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
}
