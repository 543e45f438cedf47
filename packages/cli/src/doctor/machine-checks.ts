import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { arch, release } from 'node:os';
import { TMPFS_MAGIC } from '@slipway/linux';
import { type Check, fail, ok, warn } from './check.js';

/** CGROUP2_SUPER_MAGIC of linux/magic.h. */
const CGROUP2_MAGIC = 0x63677270;
const fewOpenFiles = 4096;

/** What can be seen without being root and without trying anything. */
export function machineChecks(): Check[] {
  return [user(), node(), processor(), cgroups(), seccomp(), openFiles(), clock()];
}

function user(): Check {
  const uid = process.geteuid?.();
  return uid === 0
    ? ok('user', 'root')
    : warn('user', `user ${uid}`, 'containers need root, and so do some checks: sudo slipway doctor');
}

/** A Node that is too old never gets here: the launcher has refused it. */
function node(): Check {
  return ok('node', `${process.versions.node} at ${process.execPath}`);
}

function processor(): Check {
  const found = `Linux ${release()} on ${arch()}`;
  return ['x64', 'arm64'].includes(arch()) ? ok('kernel', found) : warn('kernel', found, 'Slipway is tested on x64 and arm64');
}

function cgroups(): Check {
  const name = 'cgroups';
  const folder = '/sys/fs/cgroup';
  const type = existsSync(folder) ? statfsSync(folder).type : undefined;
  if (type === CGROUP2_MAGIC)
    return ok(name, `version 2: ${readFileSync(`${folder}/cgroup.controllers`, 'utf8').trim() || 'no controllers'}`);
  if (type === TMPFS_MAGIC && existsSync(`${folder}/unified`))
    return ok(name, 'hybrid: version 1 with the tree of version 2 beside');
  if (type === TMPFS_MAGIC && existsSync(`${folder}/pids`)) return ok(name, 'version 1');
  return fail(name, `not mounted at ${folder}`, `mount -t cgroup2 none ${folder}`);
}

function seccomp(): Check {
  return existsSync('/proc/sys/kernel/seccomp/actions_avail')
    ? ok('seccomp', 'the kernel filters system calls')
    : warn('seccomp', 'the kernel has no filter of system calls', 'use a kernel with CONFIG_SECCOMP_FILTER');
}

function openFiles(): Check {
  const [, soft = '', hard = ''] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  const found = `${soft} open files, at most ${hard}`;
  return hard === 'unlimited' || Number(hard) >= fewOpenFiles
    ? ok('limits', found)
    : warn('limits', found, `raise the hard limit of open files to ${fewOpenFiles} or more (ulimit -Hn)`);
}

/** A clock that was never set makes every certificate invalid. */
function clock(): Check {
  const now = new Date();
  const found = `${now.toISOString()}`;
  return now >= statSync(import.meta.filename).mtime
    ? ok('clock', found)
    : warn('clock', `${found}, which is before Slipway was installed`, 'set the clock: certificates of registries depend on it');
}
