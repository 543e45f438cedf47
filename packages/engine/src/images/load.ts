import path from 'node:path';
import { type ImageArchive, openArchive } from '@slipway/archives';
import { hostPlatform, selectManifests } from '@slipway/oci';
import { type ArchiveSource, type LoadedImage, type LoadOptions, type Platform, step } from '@slipway/plugin-api';
import { checkPolicies } from '../policy/check.js';
import { bringIn } from '../pull/bring-in.js';
import type { EngineParts } from '../settings.js';
import { activeStack } from '../stack.js';
import { archiveFetcher, archivePolicySource } from './archive/archive-source.js';
import { type ArchivedManifest, archivedManifests } from './archive/archived-manifests.js';
import { bringInOthers } from './archive/bring-in-others.js';
import { type NamedImage, namedImages } from './archive/named-images.js';
import { findByName } from './describe.js';

/**
 * Brings in every image of an archive, verified as a pull verifies. Names that the archive states mean its images from then on, as with `docker load`;
 * no other name changes. Policies are asked for all of them before anything is stored.
 */
export async function loadImages(
  parts: EngineParts,
  input: ArchiveSource,
  options: LoadOptions,
): Promise<readonly LoadedImage[]> {
  const { signal } = options;
  const spoolFolder = spoolFolderOf(parts);
  await using archive = await openArchive(input, { spoolFolder, signal });
  const images = namedImages(parts, archive, options.name, options.platform);
  const source = archivePolicySource(archive);
  for (const { name, target } of images) await checkPolicies(parts, { operation: 'pull', name, target, source, signal });
  const loaded: LoadedImage[] = [];
  for (const image of images) loaded.push(await loadOne(parts, archive, image, options));
  return loaded;
}

/** Below the root: what is spooled is as large as images are, and the state folder is often in memory. */
export function spoolFolderOf({ settings }: Pick<EngineParts, 'settings'>): string {
  return path.join(settings.root, 'spool');
}

async function loadOne(parts: EngineParts, archive: ImageArchive, image: NamedImage, options: LoadOptions): Promise<LoadedImage> {
  const before = findByName(parts, image.name)?.target.digest;
  const fetcher = archiveFetcher(archive);
  const manifests = options.platform === undefined ? await archivedManifests(archive, image.target, options.signal) : [];
  const unpacked = platformToUnpack(manifests, options.platform);
  const recorded = await bringIn(
    parts,
    activeStack(parts, options.stack),
    { ...image, fetcher, origin: undefined },
    { ...options, platform: unpacked },
  );
  await bringInOthers(parts, image, fetcher, manifests, options.signal);
  step('load.loaded', { name: image.name });
  return {
    ...(findByName(parts, image.name) ?? recorded),
    ...(before === undefined || before === image.target.digest ? {} : { replaced: before }),
  };
}

/** The host's where the archive has it. Otherwise the first that it has: it was made for another machine. */
function platformToUnpack(manifests: readonly ArchivedManifest[], asked: Platform | undefined): Platform | undefined {
  if (asked !== undefined) return asked;
  const platforms = manifests.map(({ descriptor }) => descriptor).filter(({ platform }) => platform !== undefined);
  const index = { schemaVersion: 2, manifests: platforms } as const;
  if (platforms.length === 0 || selectManifests(index, hostPlatform()).length > 0) return undefined;
  return platforms.find(({ platform }) => platform?.os !== 'unknown')?.platform;
}
