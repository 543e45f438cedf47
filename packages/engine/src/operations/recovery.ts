import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { hasCode, step } from '@slipway/plugin-api';
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
  const folder = operationsFolder(parts.settings.state);
  const ownRoot = realpathSync(parts.settings.root);
  let recovered = 0;
  for (const name of recordNames(parts.settings.state)) {
    const file = path.join(folder, name);
    const fd = openIfThere(file);
    if (fd === undefined) continue;
    try {
      // A record is empty and unlocked for a moment before it gets its name, and gone once its owner has ended.
      if (!linux.tryFlock(fd, 'exclusive') || fstatSync(fd).nlink === 0) continue;
      const record = readFileSync(fd, 'utf8');
      // What it lists is in another root's metadata: replayed here, it would be lost there.
      if ((rootOf(record) ?? ownRoot) !== ownRoot) continue;
      const failed = await replay(parts, name, heldResources(record));
      if (!failed) unlinkSync(file);
      recovered++;
      step('operation.recovered', { id: name });
    } finally {
      closeSync(fd);
    }
  }
  if (recovered > 0) removeFreeLocks(parts.settings.root);
}

async function replay(parts: EngineParts, name: string, resources: readonly Resource[]): Promise<boolean> {
  parts.log.info(`cleaning up after "${name}", which was killed`, { resources: resources.length });
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

const entrySchema = v.union([v.object({ line: v.number(), acquire: resourceSchema }), v.object({ forget: v.number() })]);

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
    if ('forget' in entry.output) held.delete(entry.output.forget);
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
