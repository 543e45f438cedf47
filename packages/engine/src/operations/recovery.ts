import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { hasCode, isKind, step } from '@slipway/plugin-api';
import * as v from 'valibot';
import { removeFreeLocks } from '../locks/index.js';
import type { EngineParts } from '../settings.js';
import { operationsFolder, recordNames } from './records.js';
import { type Resource, releaseResource, resourceSchema } from './resource.js';

/**
 * Finds the records of operations whose process (and monitor) is gone and releases what they had, last acquired first. A
 * release that fails is logged and its record kept, so that it is tried again; the command at hand goes on.
 */
export async function recoverOperations(parts: EngineParts): Promise<void> {
  for (const name of recordNames(parts.settings.state)) await recoverOperation(parts, name);
}

/**
 * `live`: someone holds it. `gone`: there is no such record (any more). `left`: it belongs to another root, or to a container that runs on though its monitor was killed.
 * `failed`: something could not be released, and is tried again.
 */
export type Recovered = 'live' | 'gone' | 'left' | 'failed' | 'recovered';

export async function recoverOperation(parts: EngineParts, name: string): Promise<Recovered> {
  const file = path.join(operationsFolder(parts.settings.state), name);
  const fd = openIfThere(file);
  if (fd === undefined) return 'gone';
  try {
    // A record is empty and unlocked for a moment before it gets its name, and gone once its owner has ended.
    if (!linux.tryFlock(fd, 'exclusive')) return 'live';
    if (fstatSync(fd).nlink === 0) return 'gone';
    const record = readFileSync(fd, 'utf8');
    const ownRoot = realpathSync(parts.settings.root);
    // What it lists is in another root's metadata: replayed here, it would be lost there.
    if ((rootOf(record) ?? ownRoot) !== ownRoot) return 'left';
    const resources = heldResources(record);
    if (await runsOn(parts, resources)) return 'left';
    const failed = await replay(parts, name, resources);
    if (!failed) {
      // As long as there is a record, whoever comes looks again.
      removeFreeLocks(parts.settings.root);
      unlinkSync(file);
    }
    step('operation.recovered', { id: name });
    return failed ? 'failed' : 'recovered';
  } finally {
    closeSync(fd);
  }
}

async function replay(parts: EngineParts, name: string, resources: readonly Resource[]): Promise<boolean> {
  parts.log.info(`cleaning up after "${name}", which has ended or was killed`, { resources: resources.length });
  let failed = false;
  for (const resource of resources.toReversed()) {
    try {
      await releaseResource(parts, resource);
    } catch (error) {
      failed = true;
      parts.log.warn(`clean up of ${resource.kind} after "${name}" failed: ${String(error)}`);
    }
  }
  return failed;
}

/** A container whose monitor was killed: nobody watches it, and nobody asked for its end. */
async function runsOn(parts: EngineParts, resources: readonly Resource[]): Promise<boolean> {
  for (const resource of resources) {
    if (resource.kind !== 'runtime-container' || !resource.outlives) continue;
    try {
      const { status } = await (await parts.runtimes.get(resource.runtime)).state(resource.id);
      if (status === 'running' || status === 'paused') return true;
    } catch (error) {
      if (isKind(error, 'not-found')) continue;
      parts.log.warn(`container "${resource.id}" is left alone, as it may run: ${String(error)}`);
      return true;
    }
  }
  return false;
}

const entrySchema = v.union([
  v.object({ line: v.number(), acquire: resourceSchema }),
  v.object({ forget: v.union([v.number(), v.array(v.number())]) }),
]);

const headSchema = v.object({ root: v.string() });

/** Whose operation it was; undefined for a record that was cut before it said so, and holds nothing yet. */
function rootOf(record: string): string | undefined {
  const head = v.safeParse(headSchema, parseJson(record.split('\n', 1)[0] ?? ''));
  return head.success ? head.output.root : undefined;
}

/** A last line that was cut is left out: its resource had not been acquired yet. */
export function heldResources(record: string): Resource[] {
  const held = new Map<number, Resource>();
  for (const text of record.split('\n').slice(0, -1)) {
    const entry = v.safeParse(entrySchema, parseJson(text));
    if (!entry.success) continue;
    if ('forget' in entry.output) for (const line of [entry.output.forget].flat()) held.delete(line);
    else held.set(entry.output.line, entry.output.acquire);
  }
  return [...held.values()];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
