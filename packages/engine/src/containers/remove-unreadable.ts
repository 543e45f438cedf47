import { isKind, type RemoveContainerOptions, SlipwayError, step } from '@slipway/plugin-api';
import { emitOfContainer } from '../events/emit.js';
import { takeLock } from '../locks/index.js';
import { containerIds, deleteUnreadable } from '../metadata/container-rows.js';
import { type Held, Operation } from '../operations/operation.js';
import { settle } from '../operations/settle.js';
import type { EngineParts } from '../settings.js';
import { containerLockFile } from './container-lock.js';
import { containerNotFound } from './find.js';
import { containerSnapshotKey } from './make.js';
import { stateIfThere } from './runtime-of.js';
import { runOperation } from './state.js';

/**
 * Removes a container whose row tells nothing: which plugins made it is found out by asking all of them. Its volumes stay, as nobody knows which they are; those without a name
 * go when they are pruned.
 */
export async function removeUnreadable(
  parts: EngineParts,
  id: string,
  { force = false, signal }: RemoveContainerOptions,
): Promise<void> {
  const what = `remove container "${id}"`;
  const isDone = (): boolean => !parts.metadata.read((tx) => containerIds(tx, id)).includes(id);
  using lock = await takeLock(containerLockFile(parts, id), { what, signal, isDone });
  if (lock === undefined) throw containerNotFound(id);
  await endInRuntimes(parts, id, force, signal);
  await using operation = Operation.begin(parts, 'remove');
  const held = [...(await acquireSnapshots(parts, operation, id)), operation.acquire({ kind: 'container-folder', id })];
  try {
    await parts.metadata.write((tx) => deleteUnreadable(tx, id));
  } catch (error) {
    operation.handOver(held);
    throw error;
  }
  step('remove.removed', { id });
  emitOfContainer(parts, 'destroy', { id, row: { name: id, image: '', labels: {} } });
  await settle(parts, runOperation(id), what, signal);
}

async function endInRuntimes(parts: EngineParts, id: string, force: boolean, signal: AbortSignal | undefined): Promise<void> {
  for (const name of parts.runtimes.ids) {
    const runtime = await parts.runtimes.get(name).catch(() => undefined);
    const state = runtime && (await stateIfThere(runtime, id));
    if (runtime === undefined || state === undefined || state.status === 'stopped') continue;
    if (!force) throw runs(id, state.status);
    try {
      await runtime.stop(id, { signal: 9, graceMs: 0, abort: signal });
    } catch (error) {
      // It has ended; how is another question.
      if (!isKind(error, 'not-found', 'data-loss')) throw error;
    }
  }
}

async function acquireSnapshots(parts: EngineParts, operation: Operation, id: string): Promise<Held[]> {
  const held: Held[] = [];
  const key = containerSnapshotKey(id);
  for (const name of new Set(Object.values(parts.settings.stacks).flatMap(({ snapshotter }) => snapshotter))) {
    try {
      await (await parts.snapshotters.get(name)).stat(key);
    } catch (error) {
      // One that this host cannot run has nothing of it.
      parts.log.debug(`snapshotter "${name}" has nothing of container "${id}": ${String(error)}`);
      continue;
    }
    held.push(operation.acquire({ kind: 'snapshot', snapshotter: name, key }));
  }
  return held;
}

function runs(id: string, status: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_RUNNING',
    message: `container ${JSON.stringify(id)} is not removed: it is ${status}, and its row cannot be read`,
    hint: 'remove it with --force',
    details: { id, status },
  });
}
