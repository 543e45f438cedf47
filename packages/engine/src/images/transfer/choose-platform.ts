import type { ManifestDocument } from '@slipway/oci';
import type { Descriptor, ImageConfig, ImageManifest, Platform } from '@slipway/plugin-api';
import { checkPlatform, platformOf } from '../../pull/check-platform.js';
import { chooseManifest } from '../../pull/choose-manifest.js';
import { plain } from './plan.js';

export interface DocumentReader {
  load(descriptor: Descriptor): Promise<ManifestDocument>;
  configOf(manifest: ImageManifest): Promise<ImageConfig>;
}

/** The manifest of one platform, to be transferred in place of the index. Errors: `not-found` with `PLATFORM_NOT_FOUND`. */
export async function choosePlatform(target: Descriptor, platform: Platform, reader: DocumentReader): Promise<Descriptor> {
  const { descriptor, manifest, path } = await chooseManifest(target, platform, {
    load: (wanted) => reader.load(wanted),
    platformOf: async (found) => platformOf(await reader.configOf(found)),
  });
  // No index has said what it is for.
  if (path.length === 0) checkPlatform(descriptor, await reader.configOf(manifest), platform);
  return plain(descriptor);
}
