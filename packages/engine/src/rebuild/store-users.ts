import { closeSync, openSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';
import { operationsFolder, recordNames } from '../operations/records.js';

/**
 * Who works on a root, so that nothing may be moved from under it: operations that are live (containers keep theirs), processes that have the
 * metadata open, mounts that are made of snapshots. Looks at the machine alone, for when the metadata cannot be opened. One line each.
 */
export function storeUsers(root: string, state: string, metadataFolder: string): string[] {
  return [...liveOperations(state), ...processesWith(metadataFolder), ...mountsOf(root)];
}

/** A lock that is held is that of a process that lives, or of a container's monitor. */
function liveOperations(state: string): string[] {
  return recordNames(state).flatMap((name) => {
    const fd = openIfThere(path.join(operationsFolder(state), name));
    if (fd === undefined) return [];
    try {
      return linux.tryFlock(fd, 'shared') ? [] : [`operation "${name}" is at work`];
    } finally {
      closeSync(fd);
    }
  });
}

export function processesWith(folder: string): string[] {
  const prefix = `${realpathIfThere(folder)}/`;
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    const maps = readIfThere(`/proc/${pid}/maps`);
    return maps?.split('\n').some((line) => line.includes(prefix)) === true ? [`process ${pid} has the metadata open`] : [];
  });
}

/** proc_pid_mountinfo(5): an overlay names its layers among its options, a bind mount has the directory as its fourth field. */
function mountsOf(root: string): string[] {
  const folder = path.join(realpathIfThere(root), 'snapshotter.v1');
  const { dev } = statSync(root, { bigint: true, throwIfNoEntry: false }) ?? { dev: 0n };
  const device = `${(dev >> 8n) & 0xfffn}:${(dev & 0xffn) | ((dev >> 12n) & 0xfff00n)}`;
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, , on, source = '', point = '', ...more] = line.split(' ');
      const isBind = on === device && /\/snapshotter\.v1\/[^/]+\/snapshots\//.test(source);
      return isBind || more.join(' ').includes(`${folder}/`) ? [`"${point}" is a mount of a snapshot`] : [];
    });
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** What cannot be read is gone, or is no process of this machine's own. */
function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function realpathIfThere(folder: string): string {
  try {
    return realpathSync(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return folder;
    throw error;
  }
}
