import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type ReadTransaction, SlipwayError } from '@slipway/plugin-api';
import * as v from 'valibot';
import { containerFolder, containersFolder } from '../containers/folder.js';
import { emitOfContainer } from '../events/emit.js';
import { releaseImageMount } from '../images/release-mount.js';
import { containersTable, deleteContainer } from '../metadata/containers.js';
import { finishDeletion } from '../metadata/deletion.js';
import { endLease } from '../metadata/leases.js';
import { rowKey } from '../metadata/rows.js';
import { writeNamesCopy } from '../names/names-copy.js';
import { networkRecordFile } from '../networks/record.js';
import type { EngineParts } from '../settings.js';
import { ignoring } from './ignoring.js';
import { releaseKeptContent } from './keep-content.js';
import { releaseSnapshot } from './release-snapshot.js';

/**
 * Everything that an operation can acquire, as it stands in its record. The same `release` serves the ordinary end of an
 * operation and the next command that finds the record of a killed one.
 */
export const resourceSchema = v.variant('kind', [
  v.object({ kind: v.literal('ingest'), ref: v.string() }),
  v.object({ kind: v.literal('snapshot'), snapshotter: v.string(), key: v.string() }),
  v.object({ kind: v.literal('snapshot-removal'), snapshotter: v.string() }),
  v.object({ kind: v.literal('lease'), id: v.string() }),
  v.object({ kind: v.literal('kept-content'), id: v.string() }),
  /** What an image is made with, which nobody wants unless it gets its name. */
  v.object({ kind: v.literal('draft'), lease: v.string() }),
  v.object({ kind: v.literal('container-row'), id: v.string(), operation: v.string() }),
  v.object({ kind: v.literal('container-folder'), id: v.string() }),
  v.object({ kind: v.literal('bundle'), directory: v.string() }),
  /** The container has the volume mounted. */
  v.object({ kind: v.literal('volume-use'), driver: v.string(), name: v.string(), user: v.string() }),
  /** It may have joined networks, in its run. */
  v.object({ kind: v.literal('network'), plugin: v.string(), id: v.string() }),
  /** It is being connected to a network, or taken from it. */
  v.object({ kind: v.literal('network-connection'), plugin: v.string(), id: v.string(), network: v.string() }),
  v.object({ kind: v.literal('anonymous-volume'), driver: v.string(), name: v.string() }),
  v.object({
    kind: v.literal('runtime-container'),
    runtime: v.string(),
    id: v.string(),
    /** It may run on when everyone who watched it is gone; then it is left alone. */
    outlives: v.optional(v.boolean(), false),
  }),
  v.object({
    kind: v.literal('image-mount'),
    directory: v.string(),
    image: v.string(),
    snapshotter: v.string(),
    snapshotKey: v.string(),
  }),
  v.object({ kind: v.literal('deletion'), operation: v.string(), digests: v.array(v.string()) }),
  v.object({ kind: v.literal('names-copy') }),
]);

export type Resource = v.InferOutput<typeof resourceSchema>;

/** Idempotent: what is gone already is released. */
export async function releaseResource(parts: EngineParts, resource: Resource): Promise<void> {
  switch (resource.kind) {
    case 'ingest':
      // Unavailable: someone else has taken it up since.
      return ignoring(parts.content.abort(resource.ref), 'not-found', 'unavailable');
    case 'snapshot':
      return releaseSnapshot(await parts.snapshotters.get(resource.snapshotter), resource.key);
    case 'snapshot-removal':
      return (await parts.snapshotters.get(resource.snapshotter)).cleanup();
    case 'lease':
      return endLease(parts.metadata, resource.id);
    case 'kept-content':
      return releaseKeptContent(parts, resource.id);
    case 'draft':
      return (await import('./release-draft.js')).releaseDraft(parts, resource.lease);
    case 'container-row':
      return removeContainerRow(parts, resource.id, resource.operation);
    case 'container-folder':
      return removeContainerFolder(parts.settings.root, resource.id);
    case 'bundle':
      return removeBundle(parts.settings.state, resource.directory);
    case 'runtime-container':
      return (await parts.runtimes.get(resource.runtime)).delete(resource.id);
    case 'network':
      return (await import('../networks/release-network.js')).releaseNetwork(parts, resource.id);
    case 'network-connection':
      return (await import('../networks/release-network.js')).releaseConnection(
        parts,
        resource.plugin,
        resource.id,
        resource.network,
      );
    case 'volume-use':
      return (await import('../volumes/remove-volume.js')).releaseVolumeUse(parts, resource.driver, resource.name, resource.user);
    case 'anonymous-volume':
      return (await import('../volumes/remove-volume.js')).releaseAnonymousVolume(parts, resource.driver, resource.name);
    case 'image-mount':
      return releaseImageMount(parts, resource.directory, resource, { force: true });
    case 'deletion':
      return finishDeletion(parts, resource.operation, resource.digests);
    case 'names-copy':
      return writeNamesCopy(parts);
  }
}

/** A row of that id may belong to another operation, which was first. */
async function removeContainerRow(parts: EngineParts, id: string, operation: string): Promise<void> {
  const isOfIt = (tx: ReadTransaction): boolean => tx.get(containersTable, rowKey(id))?.operation === operation;
  if (!parts.metadata.read(isOfIt)) return;
  const row = await parts.metadata.write((tx) => {
    const found = isOfIt(tx) ? tx.get(containersTable, rowKey(id)) : undefined;
    if (found !== undefined) deleteContainer(tx, id);
    return found;
  });
  if (row !== undefined) emitOfContainer(parts, 'destroy', { id, row });
}

/** Its status, its log. */
async function removeContainerFolder(root: string, id: string): Promise<void> {
  const folder = containerFolder(root, id);
  if (path.dirname(path.resolve(folder)) !== path.resolve(containersFolder(root))) return;
  await rm(folder, { recursive: true, force: true });
}

/** The record is a file of our own 0700 folder; even so only a folder directly below `containers` is ever removed. */
async function removeBundle(state: string, directory: string): Promise<void> {
  // As it stands "containers/.." has the right parent too.
  if (path.dirname(path.resolve(directory)) !== path.resolve(state, 'containers')) return;
  // What it is to be taken from stands in it: networks that could not be released now are tried again.
  if (existsSync(networkRecordFile(state, path.basename(directory)))) throw networksLeft(directory);
  await rm(directory, { recursive: true, force: true });
}

function networksLeft(directory: string): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code: 'NETWORKS_LEFT',
    message: `bundle ${JSON.stringify(directory)} stays: its container is still attached to networks`,
    hint: 'the log says why; the next command tries again',
  });
}
