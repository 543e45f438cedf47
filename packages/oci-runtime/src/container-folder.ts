import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { hasCode, type PluginDirs, SlipwayError, wrapError } from '@slipway/plugin-api';
import { type LockedFolder, takeNewLock } from './folder-lock.js';

/** Where things are. The tool makes `<toolRoot>/<id>`; the rest is ours. */
export interface ContainerFolder extends LockedFolder {
  readonly id: string;
  /** The tool's `--root`. */
  readonly toolRoot: string;
  readonly toolState: string;
  /** What was asked for ({@link ContainerRecord}), and the cgroup that it has. */
  readonly record: string;
  readonly cgroup: string;
  readonly monitor: string;
  readonly pidFile: string;
  readonly log: string;
  /** Of the health probe. */
  readonly probe: string;
  /** Names the first process while a machine's container is paused: the freezer is in the machine. */
  readonly paused: string;
  /** Folders of processes that were executed in the container. */
  readonly execs: string;
}

export function containerFolder(dirs: PluginDirs, id: string): ContainerFolder {
  const directory = path.join(dirs.state, 'containers', id);
  const toolRoot = path.join(dirs.state, 'tool');
  const inside = (name: string) => path.join(directory, name);
  return {
    id,
    directory,
    toolRoot,
    toolState: path.join(toolRoot, id),
    lock: inside('lock'),
    toolsLock: inside('tools.lock'),
    record: inside('record.json'),
    cgroup: inside('cgroup.json'),
    monitor: inside('monitor.json'),
    pidFile: inside('init.pid'),
    log: inside('tool.log'),
    probe: inside('probe.json'),
    paused: inside('paused'),
    execs: inside('exec'),
  };
}

/** Takes the id: makes the folder and returns its lock, which creator and then monitor hold. Errors: `already-exists`. */
export function claim(folder: ContainerFolder): number {
  mkdirSync(path.dirname(folder.directory), { recursive: true, mode: 0o700 });
  try {
    mkdirSync(folder.directory, { mode: 0o700 });
  } catch (error) {
    if (hasCode(error, 'EEXIST')) throw exists(folder.id, error);
    throw wrapError(`container "${folder.id}"`, error);
  }
  let lock: number | undefined;
  try {
    lock = takeNewLock(folder);
  } catch (error) {
    rmSync(folder.directory, { recursive: true, force: true });
    throw wrapError(`container "${folder.id}"`, error);
  }
  if (lock !== undefined) return lock;
  throw new SlipwayError({
    kind: 'aborted',
    code: 'CONTAINER_DELETED',
    message: `container "${folder.id}" was deleted while it was created`,
  });
}

export function exists(id: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'already-exists',
    code: 'CONTAINER_EXISTS',
    message: `container "${id}" exists already`,
    hint: 'choose another id, or delete it first',
    details: { id },
    cause,
  });
}

export function removeFolder(folder: ContainerFolder): void {
  rmSync(folder.toolState, { recursive: true, force: true });
  rmSync(folder.directory, { recursive: true, force: true });
}
