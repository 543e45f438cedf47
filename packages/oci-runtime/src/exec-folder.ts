import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { hasCode, wrapError } from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';
import { type LockedFolder, takeNewLock, toolsHaveEnded, tryLock } from './folder-lock.js';

/** Of one process that was executed in a container. */
export interface ExecFolder extends LockedFolder {
  readonly process: string;
  readonly pidFile: string;
  readonly monitor: string;
  readonly log: string;
}

function execFolder(folder: ContainerFolder, name: string): ExecFolder {
  const directory = path.join(folder.execs, name);
  const inside = (file: string) => path.join(directory, file);
  return {
    directory,
    lock: inside('lock'),
    toolsLock: inside('tools.lock'),
    process: inside('process.json'),
    pidFile: inside('pid'),
    monitor: inside('monitor.json'),
    log: inside('tool.log'),
  };
}

/** Makes a folder with a name of its own, and takes its lock. */
export function claimExec(folder: ContainerFolder): { readonly exec: ExecFolder; readonly lock: number } {
  try {
    for (;;) {
      const exec = execFolder(folder, randomBytes(6).toString('hex'));
      mkdirSync(exec.directory, { recursive: true, mode: 0o700 });
      const lock = takeNewLock(exec);
      // Somebody who sweeps may come between folder and lock.
      if (lock !== undefined) return { exec, lock };
    }
  } catch (error) {
    throw wrapError(`process in container "${folder.id}"`, error);
  }
}

export function removeExec(exec: ExecFolder): void {
  rmSync(exec.directory, { recursive: true, force: true });
}

export function execFolders(folder: ContainerFolder): readonly ExecFolder[] {
  try {
    return readdirSync(folder.execs).map((name) => execFolder(folder, name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw wrapError(`container "${folder.id}"`, error);
  }
}

/** Removes folders whose monitors, and what they ran, are gone. One without a lock is being made, or removed by its monitor, whose `rm` would meet a new file. */
export function sweepExecs(folder: ContainerFolder): void {
  for (const exec of execFolders(folder)) {
    const lock = tryLock(exec, 0);
    if (typeof lock !== 'number') continue;
    try {
      if (toolsHaveEnded(exec)) removeExec(exec);
    } finally {
      closeSync(lock);
    }
  }
}
