import { closeSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import {
  canceled,
  isKind,
  type Mount,
  type RunOptions,
  type RuntimeContainer,
  SlipwayError,
  type Stdio,
  type StdioTarget,
  step,
  throwIfAborted,
  wrapError,
} from '@slipway/plugin-api';
import { buildSpec, findCommand, generateContainerId, readHostFacts, rootFiles, writeBundle } from '../bundle/index.js';
import { type ContainerRow, containersTable } from '../metadata/containers.js';
import { noteReferences } from '../metadata/references.js';
import { rowKey } from '../metadata/rows.js';
import { Operation } from '../operations/operation.js';
import { bundleDirectory } from '../operations/resource.js';
import type { EngineParts } from '../settings.js';
import { type ActiveStack, activeStack } from '../stack.js';
import { ensureUnpacked } from '../unpack/ensure-unpacked.js';
import type { Works } from '../works.js';
import { againIfRemoved, removedImage } from './again-if-removed.js';
import { StartedContainer } from './container.js';
import { type ObtainedImage, obtainImage } from './obtain-image.js';

/**
 * run(name): look the name up (pulling as the policy says); read manifest and config; prepare a writable snapshot on the
 * top chain ID; turn the image config into config.json; hand bundle and mounts to the runtime; start.
 */
export async function run(parts: EngineParts, works: Works, options: RunOptions): Promise<StartedContainer> {
  const id = generateContainerId();
  const stack = activeStack(parts, options.stack);
  return againIfRemoved(options, () => runObtained(parts, works, stack, id, options));
}

async function runObtained(
  parts: EngineParts,
  works: Works,
  stack: ActiveStack,
  id: string,
  options: RunOptions,
): Promise<StartedContainer> {
  const image = await obtainImage(parts, stack, options);
  await ensureUnpacked(parts, stack, image.loaded, options);
  const operation = Operation.begin(parts, 'run');
  try {
    const container = await createContainer(parts, stack, operation, id, image, options);
    return new StartedContainer(
      parts,
      works,
      { name: options.name ?? id, image: image.name },
      container,
      operation,
      options.signal,
    );
  } catch (error) {
    await operation.end();
    const what = `run ${JSON.stringify(image.name)}`;
    // What the runtime says of a container that was killed while it was started is not the reason.
    throw options.signal?.aborted ? canceled(what, options.signal) : wrapError(what, error);
  }
}

async function createContainer(
  parts: EngineParts,
  stack: ActiveStack,
  operation: Operation,
  id: string,
  image: ObtainedImage,
  options: RunOptions,
): Promise<RuntimeContainer> {
  const mounts = await prepareRootfs(parts, stack, operation, id, image);
  const bundle = await makeBundle(parts, operation, id, image, mounts, options);
  throwIfAborted(`run ${JSON.stringify(image.name)}`, options.signal);

  const runtime = await stack.runtime();
  const record = operation.acquire({ kind: 'runtime-container', runtime: stack.runtimeId, id });
  const created = runtime.create({
    id,
    bundle,
    rootfs: mounts,
    stdio: {
      terminal: options.terminal,
      stdin: stdioTarget(options.stdin ?? 'ignore', 0),
      stdout: stdioTarget(options.stdout ?? 'pipe', 1),
      stderr: stdioTarget(options.stderr ?? 'pipe', 2),
    },
    dieWithParent: true,
    keepOpen: [operation.fd],
    signal: options.signal,
  });
  const container = await unlessTaken(record, created);
  step('run.created', { id, pid: container.pid, monitorPid: container.monitorPid });
  options.onCreated?.();
  await container.start();
  step('run.started', { id, pid: container.pid, monitorPid: container.monitorPid });
  return container;
}

/** The container's name is taken and its writable snapshot made, together: both are one flush of metadata. */
async function prepareRootfs(
  parts: EngineParts,
  stack: ActiveStack,
  operation: Operation,
  id: string,
  image: ObtainedImage,
): Promise<readonly Mount[]> {
  const { id: snapshotterId, snapshotter } = await stack.snapshotter();
  const chainId = image.loaded.chain.at(-1);
  const snapshotKey = `container-${id}-${operation.id}`;
  operation.acquire({ kind: 'container-row', id, operation: operation.id });
  operation.acquire({ kind: 'snapshot', snapshotter: snapshotterId, key: snapshotKey });
  const row: ContainerRow = {
    name: image.name,
    settings: {},
    removeAtExit: true,
    wanted: 'running',
    volumes: [],
    image: image.name,
    operation: operation.id,
    manifest: image.loaded.descriptor.digest,
    chainId: chainId ?? null,
    snapshotter: snapshotterId,
    snapshotKey,
    runtime: stack.runtimeId,
    createdAt: new Date().toISOString(),
  };
  const [reserved, prepared] = await Promise.allSettled([reserve(parts, id, row), snapshotter.prepare(snapshotKey, chainId)]);
  if (reserved.status === 'rejected') throw reserved.reason;
  if (prepared.status === 'rejected') throw removedImage(image.name, prepared.reason);
  step('run.prepared', { id, snapshotKey });
  return prepared.value;
}

async function reserve(parts: EngineParts, id: string, row: ContainerRow): Promise<void> {
  await parts.metadata.write((tx) => {
    if (tx.get(containersTable, rowKey(id)) !== undefined) {
      throw new SlipwayError({
        kind: 'already-exists',
        code: 'CONTAINER_EXISTS',
        message: `container "${id}" exists already`,
        hint: 'choose another --name',
        details: { id },
      });
    }
    tx.put(containersTable, rowKey(id), row);
    noteReferences(tx, {
      content: [row.manifest],
      snapshots: row.chainId === null ? [] : [{ snapshotter: row.snapshotter, name: row.chainId }],
    });
  });
}

async function makeBundle(
  parts: EngineParts,
  operation: Operation,
  id: string,
  image: ObtainedImage,
  mounts: readonly Mount[],
  options: RunOptions,
): Promise<string> {
  const tree = linux.mountDetached(mounts, { readOnly: true });
  try {
    const rootfs = rootFiles(linux, tree);
    const spec = buildSpec({
      id,
      name: options.name ?? id,
      image: image.loaded.config,
      settings: options,
      rootfs,
      host: readHostFacts(),
      mounts: [],
      namespacePaths: {},
      resources: {},
    });
    // Known before anything is created: the runtime's own message for it differs from version to version.
    findCommand(rootfs, spec.process);
    const bundle = bundleDirectory(parts.settings.state, id);
    mkdirSync(path.dirname(bundle), { recursive: true, mode: 0o700 });
    const record = operation.acquire({ kind: 'bundle', directory: bundle });
    await unlessTaken(record, writeBundle(bundle, spec));
    step('run.bundled', { id, bundle });
    return bundle;
  } finally {
    closeSync(tree);
  }
}

/** An id is unique in a root; engines of several roots may share a state folder. What exists already is then another's, and not ours to release. */
async function unlessTaken<T>(record: { forget(): void }, acquired: Promise<T>): Promise<T> {
  try {
    return await acquired;
  } catch (error) {
    if (isKind(error, 'already-exists')) record.forget();
    throw error;
  }
}

function stdioTarget(stdio: Stdio, own: number): StdioTarget {
  if (stdio === 'inherit') return own;
  return stdio === 'ignore' ? 'null' : 'pipe';
}
