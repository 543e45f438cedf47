import { hostPlatform, isIndexType } from '@slipway/oci';
import { type Descriptor, type Image, isKind, type Platform } from '@slipway/plugin-api';
import { isPresent, readManifestDocument, readRunnableConfig } from '../../pull/document.js';
import type { EngineParts } from '../../settings.js';
import { findImage } from '../describe.js';
import { choosePlatform } from '../transfer/choose-platform.js';
import { isForeign, plain, planTransfer } from '../transfer/plan.js';
import { contentMissing } from '../transfer/stored-content.js';

/** An image as it is to be written. */
export interface StoredImage {
  readonly image: Image;
  /** What the archive will say that its names mean. */
  readonly target: Descriptor;
  readonly names: readonly string[];
  /** What of it is here: documents, configs, layers. */
  readonly content: readonly Descriptor[];
}

interface Choice {
  readonly platform: Platform | undefined;
  /** An index is not taken whole: without a platform the host's is. */
  readonly onePlatform: boolean;
}

/** Errors: `not-found`, `failed-precondition` when no platform of an image is here with all that it needs. */
export async function storedImages(parts: EngineParts, names: readonly string[], choice: Choice): Promise<StoredImage[]> {
  const images = new Map<string, StoredImage>();
  for (const text of names) {
    const found = findImage(parts, text);
    const target = await targetOf(parts, found.image, choice);
    const content = await presentContent(parts, found.image, target);
    for (const name of found.names) {
      const image = name === found.image.name ? found.image : findImage(parts, name).image;
      images.set(name, { image, target, names: [name], content });
    }
  }
  return [...images.values()];
}

async function targetOf(parts: EngineParts, image: Image, { platform, onePlatform }: Choice): Promise<Descriptor> {
  if (platform === undefined && !(onePlatform && isIndexType(image.target.mediaType))) return image.target;
  return choosePlatform(image.target, platform ?? hostPlatform(), {
    load: (wanted) => readManifestDocument(parts.content, wanted),
    configOf: (manifest) => readRunnableConfig(parts.content, manifest),
  });
}

/** Of an index those manifests that are here with all that they refer to: it stands for more platforms than one store has. */
async function presentContent(parts: EngineParts, image: Image, target: Descriptor): Promise<Descriptor[]> {
  let missing: Descriptor | undefined;
  const plan = await planTransfer(target, async (descriptor) => {
    try {
      const document = await readManifestDocument(parts.content, descriptor);
      if (document.kind === 'index') return document;
      const { config, layers } = document.manifest;
      for (const one of [config, ...layers]) {
        if (isForeign(one) || (await isPresent(parts.content, one.digest))) continue;
        missing ??= one;
        return undefined;
      }
      return document;
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error;
      missing ??= descriptor;
      return undefined;
    }
  });
  const documents = plan.levels.flat();
  if (documents.every(({ mediaType }) => isIndexType(mediaType))) throw contentMissing(image.name, missing ?? target);
  return [...documents, ...plan.blobs.map(plain)];
}
