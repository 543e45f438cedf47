import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { type ExitStatus, hasCode, type PluginDirs, SlipwayError, wrapError } from '@slipway/plugin-api';
import * as v from 'valibot';

const recordSchema = v.object({ cgroups: v.array(v.string()) });
const exitSchema = v.object({ exitCode: v.number(), signal: v.exactOptional(v.number()), exitedAt: v.string() });

/** Where things are. The tool makes `<toolRoot>/<id>`; the rest is ours. */
export interface ContainerFolder {
  readonly id: string;
  readonly directory: string;
  /** The tool's `--root`. */
  readonly toolRoot: string;
  readonly toolState: string;
  readonly lock: string;
  /** Held by every command that the monitor runs. */
  readonly toolsLock: string;
  readonly record: string;
  readonly monitorPid: string;
  readonly pidFile: string;
  readonly log: string;
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
    monitorPid: inside('monitor.pid'),
    pidFile: inside('init.pid'),
    log: inside('tool.log'),
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
    lock = openSync(folder.lock, constants.O_RDWR | constants.O_CREAT, 0o600);
    if (linux.tryFlock(lock, 'exclusive')) return lock;
  } catch (error) {
    if (lock !== undefined) closeSync(lock);
    if (!hasCode(error, 'ENOENT')) {
      rmSync(folder.directory, { recursive: true, force: true });
      throw wrapError(`container "${folder.id}"`, error);
    }
    lock = undefined;
  }
  if (lock !== undefined) closeSync(lock);
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

/**
 * The lock of a container whose monitor and creator are gone. Undefined while somebody holds it, after waiting so long;
 * `'gone'` when there is no such folder (any more).
 */
export async function lockOf(folder: ContainerFolder, waitMs: number): Promise<number | 'gone' | undefined> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const lock = openLock(folder);
    if (lock === undefined) return statSync(folder.directory, { throwIfNoEntry: false }) === undefined ? 'gone' : undefined;
    let isHeld: boolean | undefined;
    try {
      if (linux.tryFlock(lock, 'exclusive'))
        isHeld = statSync(folder.lock, { throwIfNoEntry: false })?.ino === fstatSync(lock).ino;
    } finally {
      if (isHeld !== true) closeSync(lock);
    }
    if (isHeld === true) return lock;
    // Who waited for it may now have the lock of a folder that was removed, and perhaps made anew for another container.
    if (isHeld === false) return 'gone';
    if (Date.now() >= deadline) return undefined;
    await sleep(10);
  }
}

/** Creates the file where a creator was killed between folder and lock. */
function openLock(folder: ContainerFolder): number | undefined {
  return openUnlessMissing(folder.lock, constants.O_RDWR | constants.O_CREAT);
}

function openUnlessMissing(file: string, flags: number): number | undefined {
  try {
    return openSync(file, flags, 0o600);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw wrapError(`lock ${JSON.stringify(file)}`, error);
  }
}

/** False while a command of a monitor that was killed has not ended. */
export function toolsHaveEnded(folder: ContainerFolder): boolean {
  const lock = openUnlessMissing(folder.toolsLock, constants.O_RDONLY);
  if (lock === undefined) return true;
  try {
    return linux.tryFlock(lock, 'exclusive');
  } finally {
    closeSync(lock);
  }
}

export function writeRecord(folder: ContainerFolder, cgroups: readonly string[]): void {
  writeFileSync(folder.record, JSON.stringify({ cgroups }), { mode: 0o600 });
}

/** Cgroups that the creation may have left; none when the creator was killed before it wrote them down, and so before there were any. */
export function readCgroups(folder: ContainerFolder): readonly string[] {
  return readJson(folder.record, recordSchema)?.cgroups ?? [];
}

/** What the monitor recorded of the end. */
export function readExit(folder: ContainerFolder): ExitStatus | undefined {
  return readJson(path.join(folder.directory, 'exit'), exitSchema);
}

function readJson<S extends v.GenericSchema>(file: string, schema: S): v.InferOutput<S> | undefined {
  try {
    const parsed = v.safeParse(schema, JSON.parse(readFileSync(file, 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

export function removeFolder(folder: ContainerFolder): void {
  rmSync(folder.toolState, { recursive: true, force: true });
  rmSync(folder.directory, { recursive: true, force: true });
}
