import { canceled, SlipwayError, type StartOptions, wrapError } from '@slipway/plugin-api';
import { containersTable } from '../metadata/containers.js';
import { rowKey } from '../metadata/rows.js';
import { Operation } from '../operations/operation.js';
import { settle } from '../operations/settle.js';
import type { EngineParts } from '../settings.js';
import { withContainer } from './container-lock.js';
import { containerById, type FoundContainer } from './find.js';
import { launch } from './launch.js';
import { acquireContainer } from './make.js';
import { ownImageConfig } from './own-image.js';
import { paused } from './runtime-of.js';
import { containerState, runOperation } from './state.js';
import { named } from './with-name.js';

export async function startContainer(parts: EngineParts, id: string, options: StartOptions): Promise<void> {
  await withContainer(parts, id, { what: `start container "${id}"`, signal: options.signal }, async (container) => {
    const { status } = await containerState(parts, container);
    if (status === 'paused') throw paused(container);
    if (status === 'running' || status === 'restarting') throw alreadyRunning(container);
    await startAgain(parts, id, options);
  });
}

/**
 * Under the container's lock, when it does not run. The operation is its monitor's from then on. What goes wrong, or is killed, before the program runs leaves the
 * container as it was, and removes one that is removed when it ends.
 */
export async function startAgain(parts: EngineParts, id: string, { signal, onCreated }: StartOptions): Promise<void> {
  const what = `start container "${id}"`;
  await settle(parts, runOperation(id), what, signal);
  const { row } = containerById(parts, id);
  const operation = Operation.begin(parts, 'run', id);
  try {
    if (row.removeAtExit) acquireContainer(operation, { id, row }, { folder: true, volumes: true });
    const snapshotter = await parts.snapshotters.get(row.snapshotter);
    const [, rootfs, image] = await Promise.all([
      want(parts, id, 'running'),
      snapshotter.mounts(row.snapshotKey),
      ownImageConfig(parts.content, row),
    ]);
    const { terminal, openStdin } = row.settings;
    const container = await launch(parts, operation, {
      id,
      row,
      image,
      rootfs,
      isNew: false,
      stdio: { terminal, stdin: openStdin === true ? 'attached' : 'null', stdout: 'null', stderr: 'null' },
      dieWithParent: false,
      fleeting: false,
      onCreated: () => onCreated?.(),
      signal,
    });
    operation.leave();
    await container[Symbol.asyncDispose]();
  } catch (error) {
    await operation.end();
    throw signal?.aborted ? canceled(what, signal) : named({ id, name: row.name }, wrapError(what, error));
  }
}

/** What was asked for last; nothing is written where that is known already. */
export async function want(parts: EngineParts, id: string, wanted: 'running' | 'stopped'): Promise<void> {
  if (parts.metadata.read((tx) => tx.get(containersTable, rowKey(id)))?.wanted === wanted) return;
  await parts.metadata.write((tx) => {
    const row = tx.get(containersTable, rowKey(id));
    if (row !== undefined) tx.put(containersTable, rowKey(id), { ...row, wanted });
  });
}

function alreadyRunning({ id, row: { name } }: FoundContainer): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_RUNNING',
    message: `container ${JSON.stringify(name)} runs already`,
    hint: `slipway restart ${name} restarts it`,
    details: { id, name },
  });
}
