import { mkdirSync } from 'node:fs';
import { type CreateContainerOptions, type Digest, type ImageConfig, type Mount, step } from '@slipway/plugin-api';
import { buildArgs, imageDefaults, stopSignalOf } from '../bundle/index.js';
import { emitOfContainer } from '../events/emit.js';
import { type ContainerRow, containersTable, takeName } from '../metadata/containers.js';
import { noteReferences } from '../metadata/references.js';
import { rowKey } from '../metadata/rows.js';
import { hasMounts } from '../mounts/has-mounts.js';
import type { Held, Operation } from '../operations/operation.js';
import { removedImage } from '../run/again-if-removed.js';
import type { ObtainedImage } from '../run/obtain-image.js';
import type { EngineParts } from '../settings.js';
import type { ActiveStack } from '../stack.js';
import { generatedName } from './container-name.js';
import { containerFolder } from './folder.js';
import { healthProbe } from './health.js';
import { keptSettings } from './kept-settings.js';

export interface MadeContainer {
  readonly id: string;
  readonly row: ContainerRow;
  readonly image: ImageConfig;
  readonly rootfs: readonly Mount[];
  /** In the operation; once they are handed over, the container is kept. */
  readonly held: readonly Held[];
}

export interface MakeOptions {
  readonly id: string;
  readonly wanted: ContainerRow['wanted'];
  /** Nothing of it survives a reboot: no folder. */
  readonly fleeting: boolean;
}

/**
 * Everything of a container but its process: its row with its name, its writable snapshot, its folder, its volumes. Row and snapshot are made together: both are one
 * flush of metadata. Errors: `already-exists` (the name), `invalid-argument`.
 */
export async function makeContainer(
  parts: EngineParts,
  stack: ActiveStack,
  operation: Operation,
  obtained: ObtainedImage,
  options: CreateContainerOptions,
  { id, wanted, fleeting }: MakeOptions,
): Promise<MadeContainer> {
  const { name, loaded } = obtained;
  const image = loaded.config;
  const settings = keptSettings(options);
  const removeAtExit = options.removeAtExit ?? false;
  healthProbe(settings.health, image);
  const { id: snapshotter, snapshotter: snapshots } = await stack.snapshotter();
  const mounts = hasMounts(settings, image) ? await import('../mounts/index.js') : undefined;
  const snapshotKey = containerSnapshotKey(id);
  const chainId = loaded.chain.at(-1);
  const row: Omit<ContainerRow, 'name'> = {
    image: name,
    operation: operation.id,
    manifest: loaded.descriptor.digest,
    chainId: chainId ?? null,
    snapshotter,
    snapshotKey,
    runtime: stack.runtimeId,
    network: stack.networkId,
    createdAt: new Date().toISOString(),
    settings,
    command: [...buildArgs(imageDefaults(image), settings)],
    stopSignal: stopSignalOf(image, settings),
    labels: { ...image.config?.Labels, ...settings.labels },
    removeAtExit,
    wanted,
    volumes: [...((await mounts?.planVolumes(parts, settings, image)) ?? [])],
  };
  const held = acquireContainer(operation, { id, row }, { folder: !fleeting, volumes: true });
  const [reserved, prepared] = await Promise.allSettled([
    reserveWhenFree(parts, id, row, options.name),
    snapshots.prepare(snapshotKey, chainId),
  ]);
  if (reserved.status === 'rejected') throw reserved.reason;
  if (prepared.status === 'rejected') throw removedImage(name, prepared.reason);
  await mounts?.makeVolumes(parts, row.volumes, settings, image);
  if (!fleeting) mkdirSync(containerFolder(parts.settings.root, id), { recursive: true, mode: 0o700 });
  const made = { id, row: { ...row, name: reserved.value }, image, rootfs: prepared.value, held };
  emitOfContainer(parts, 'create', made);
  step('run.prepared', { id, snapshotKey });
  return made;
}

/** One whose row cannot be read is found by it. */
export function containerSnapshotKey(id: string): string {
  return `container-${id}`;
}

/** What goes with a container, in an operation that is to remove it: now, or when it has ended. The row goes first. `volumes`: those that were made for it alone. */
export function acquireContainer(
  operation: Operation,
  { id, row }: { readonly id: string; readonly row: Pick<ContainerRow, 'operation' | 'snapshotter' | 'snapshotKey' | 'volumes'> },
  { folder, volumes }: { readonly folder: boolean; readonly volumes: boolean },
): Held[] {
  const ownVolumes = volumes ? row.volumes.filter(({ anonymous }) => anonymous) : [];
  return [
    ...ownVolumes.map(({ driver, name }) => operation.acquire({ kind: 'anonymous-volume', driver, name })),
    operation.acquire({ kind: 'snapshot', snapshotter: row.snapshotter, key: row.snapshotKey }),
    ...(folder ? [operation.acquire({ kind: 'container-folder', id })] : []),
    operation.acquire({ kind: 'container-row', id, operation: row.operation }),
  ];
}

async function reserveWhenFree(
  parts: EngineParts,
  id: string,
  row: Omit<ContainerRow, 'name'>,
  wantedName: string | undefined,
): Promise<string> {
  try {
    return await reserve(parts, id, row, wantedName);
  } catch (error) {
    const { nameWasFreed } = await import('./name-being-freed.js');
    if (!(await nameWasFreed(parts, error))) throw error;
    return reserve(parts, id, row, wantedName);
  }
}

async function reserve(
  parts: EngineParts,
  id: string,
  row: Omit<ContainerRow, 'name'>,
  wantedName: string | undefined,
): Promise<string> {
  return parts.metadata.write((tx) => {
    const name = wantedName ?? generatedName(tx, row.image);
    takeName(tx, name, id);
    tx.put(containersTable, rowKey(id), { ...row, name });
    noteReferences(tx, {
      content: [row.manifest as Digest],
      snapshots: row.chainId === null ? [] : [{ snapshotter: row.snapshotter, name: row.chainId }],
    });
    return name;
  });
}
