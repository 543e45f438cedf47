import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';
import type { Accel, MachineUser } from './machine-settings.js';

const users = 65_536;
const maxTries = 1000;
/** Ranges of so many, from a number on that nobody else uses, up to the largest that every file system can keep. */
const ranges = { from: 1_900_000_000, count: 3000 };

/** Two installations (--state) do not know of each other, and their machines are not to be each other's users. */
export function usualFirstUid(state: string): number {
  return ranges.from + users * (createHash('sha256').update(state).digest().readUInt32LE(0) % ranges.count);
}

/**
 * A user for the machine of a container that no other machine has: one that broke out of its QEMU could then touch neither files nor processes of another. Kept as a link `<folder>/<number>` to the
 * container's own folder, which is there as long as the container is.
 */
export async function machineUser(folder: string, container: string, first: number, accel: Accel): Promise<MachineUser> {
  const uid = first + (await takeNumber(folder, container));
  return { uid, gid: uid, groups: accel === 'kvm' ? kvmGroup() : [] };
}

async function takeNumber(folder: string, container: string): Promise<number> {
  const start = createHash('sha256').update(container).digest().readUInt16LE(0);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    using _lock = await lockOf(folder);
    sweep(folder);
    for (let tried = 0; tried < maxTries; tried++) {
      const number = (start + tried) % users;
      if (take(path.join(folder, String(number)), container)) return number;
    }
  } catch (error) {
    throw wrapError(`a user for the machine of ${JSON.stringify(container)}`, error);
  }
  throw new SlipwayError({
    kind: 'resource-exhausted',
    code: 'MACHINE_USERS_EXHAUSTED',
    message: `no user is left for a machine: ${maxTries} in a row are taken`,
    hint: 'remove containers that are no longer needed',
  });
}

/** Held for some microseconds. */
async function lockOf(folder: string): Promise<Disposable> {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    while (!linux.tryFlock(fd, 'exclusive')) await sleep(1);
    return { [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Those of containers that are gone are free. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder)) {
    const link = path.join(folder, name);
    if (!existsSync(link)) rmSync(link, { force: true });
  }
}

function take(link: string, container: string): boolean {
  const owner = ownerOf(link);
  if (owner === undefined) symlinkSync(container, link);
  return owner === undefined || owner === container;
}

function ownerOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Whoever may use /dev/kvm, where that is not everybody. */
function kvmGroup(): readonly number[] {
  const { gid, mode } = statSync('/dev/kvm');
  return gid === 0 || (mode & 0o006) === 0o006 ? [] : [gid];
}
