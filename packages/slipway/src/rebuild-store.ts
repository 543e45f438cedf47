import { closeSync, existsSync, fsyncSync, openSync, renameSync } from 'node:fs';
import path from 'node:path';
import {
  hasCode,
  isKind,
  type MetadataStore,
  metadataPoint,
  type RebuildReport,
  SlipwayError,
  wrapError,
} from '@slipway/plugin-api';
import { bootHost, type Host } from './host.js';
import type { OpenEngineOptions } from './options.js';

export interface RebuildStoreOptions extends OpenEngineOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface StoreRebuild extends RebuildReport {
  /** Where the metadata is that was there before; absent when there was none. */
  readonly movedTo?: string;
}

/**
 * For metadata that is damaged or lost: moves its folder aside, begins a new one and makes the books anew from the content store and
 * the copy of the names. Nothing of the old folder is deleted.
 *
 * Errors: `failed-precondition` with `STORE_IN_USE` while anyone works on the root; `data-loss` with `NAMES_COPY_DAMAGED`; those of `openEngine`.
 */
export async function rebuildStore(options: RebuildStoreOptions): Promise<StoreRebuild> {
  const movedTo = await moveAside(options);
  await using host = await bootHost(options);
  const engine = await host.engine();
  return { ...(await engine.system.rebuild({ signal: options.signal })), ...(movedTo === undefined ? {} : { movedTo }) };
}

async function moveAside(options: RebuildStoreOptions): Promise<string | undefined> {
  const { keepNames, processesWith, storeUsers } = await import('@slipway/engine');
  await using host = await bootHost(options);
  const { root, state, stack } = host.config.settings;
  const folder = path.join(root, metadataPoint.id, stack.metadata);
  const users = lookForUsers(root, () => storeUsers(root, state, folder));
  if (users.length > 0) throw inUse(root, users);
  if (!existsSync(folder)) return undefined;

  // Names that the copy does not have yet, of a store that can still be read.
  keepNames(root, await readableMetadata(host));
  await host[Symbol.asyncDispose]();

  const movedTo = `${folder}.damaged-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
  move(folder, movedTo);
  // Who opened it between the look and the move works on in the old one.
  let late: string[];
  try {
    late = lookForUsers(root, () => processesWith(movedTo));
  } catch (error) {
    move(movedTo, folder);
    throw error;
  }
  if (late.length === 0) return movedTo;
  move(movedTo, folder);
  throw inUse(root, late);
}

function lookForUsers(root: string, look: () => string[]): string[] {
  try {
    return look();
  } catch (error) {
    throw wrapError(`look who works on "${root}"`, error);
  }
}

/** Undefined when it cannot be opened for what this is the remedy of. */
async function readableMetadata(host: Host): Promise<MetadataStore | undefined> {
  try {
    return await host.kernel.get(metadataPoint);
  } catch (error) {
    if (isKind(error, 'data-loss') || hasCode(error, 'METADATA_FORMAT_NEWER')) return undefined;
    throw error;
  }
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to);
    const fd = openSync(path.dirname(to), 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw wrapError(`move "${from}" to "${to}"`, error);
  }
}

function inUse(root: string, users: readonly string[]): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'STORE_IN_USE',
    message: `rebuild the metadata in "${root}": ${users.join(', ')}`,
    hint: 'end every container and command on this root first',
    details: { root, users },
  });
}
