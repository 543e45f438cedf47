import { chainIds } from '@slipway/oci';
import type { ContentStore, Descriptor, Digest } from '@slipway/plugin-api';
import type { Draft } from '../images/made/draft.js';
import type { BaseImage } from '../images/made/made-image.js';
import { addToLease } from '../metadata/leases.js';
import { readRunnableConfig } from '../pull/document.js';
import type { EngineParts } from '../settings.js';
import { isThere } from './container-trees.js';
import { containerNotFound, type FoundContainer } from './find.js';
import { ownManifest } from './own-image.js';

export interface ContainerBase extends BaseImage {
  readonly manifestDigest: Digest;
  /** Bottom layer first. */
  readonly chain: readonly Digest[];
}

/** The image that a container runs, which from now on stays, whether the container does or not. Errors: `not-found`. */
export async function leaseBase(parts: EngineParts, { operation }: Draft, container: FoundContainer): Promise<ContainerBase> {
  const { manifest: digest, chainId, snapshotter } = container.row;
  await parts.metadata.write((tx) => {
    // Its row has kept all that from every sweep so far.
    if (!isThere(tx, container)) throw containerNotFound(container.id);
    const snapshots = chainId === null ? [] : [{ snapshotter, name: chainId }];
    addToLease(tx, operation.id, { content: [digest], snapshots });
  });
  const manifest = await ownManifest(parts.content, digest as Digest);
  const config = await readRunnableConfig(parts.content, manifest);
  return {
    manifestDigest: digest,
    document: await readJson(parts.content, manifest.config),
    config,
    layers: manifest.layers,
    chain: chainIds(config.rootfs.diff_ids),
  };
}

/** What was read, hashed and checked a moment ago, with all that is in it. */
async function readJson(content: ContentStore, { digest }: Descriptor): Promise<Readonly<Record<string, unknown>>> {
  await using reader = await content.readerAt(digest);
  const bytes = Buffer.alloc(reader.size);
  await reader.read(bytes, 0);
  return JSON.parse(bytes.toString()) as Record<string, unknown>;
}
