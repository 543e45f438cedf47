import { hostPlatform, normalizePlatform } from '@slipway/oci';
import { type ArchiveSource, type Image, type ImportOptions, step, throwIfAborted } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { activeStack } from '../stack.js';
import { unpackContext } from '../unpack/context.js';
import { unpackBottom } from '../unpack/unpack-bottom.js';
import { changeDefaults } from './changes/change-defaults.js';
import { storeDocuments, withDraft } from './made/draft.js';
import { makeImage } from './made/made-image.js';
import { newName } from './made/new-name.js';
import { brokenTar, receiveLayer } from './made/receive-layer.js';
import { recordMade } from './made/record-made.js';

/**
 * An image of one layer, which is the tar file as it was given. It is unpacked before anything has a name, so that what no layer may be is refused
 * here and not where it is used.
 */
export async function importImage(
  parts: EngineParts,
  input: ArchiveSource,
  name: string,
  options: ImportOptions,
): Promise<Image> {
  const { author, message, platform = hostPlatform(), signal } = options;
  const fullName = newName(parts, name);
  const defaults = changeDefaults({}, options.changes ?? []);
  const stack = activeStack(parts, options.stack);
  const what = `import ${JSON.stringify(fullName)}`;
  throwIfAborted(what, signal);
  return withDraft(parts, 'import', async (draft) => {
    const descriptor = await receiveLayer(parts, draft, input, what, signal);
    step('import.received', { digest: descriptor.digest });
    const context = await unpackContext(parts, stack, draft.operation, signal);
    const diffId = await unpackBottom(parts, context, descriptor).catch((error: unknown) => {
      throw brokenTar(what, error);
    });
    const image = makeImage({
      base: undefined,
      layer: { descriptor, diffId },
      defaults: { ...defaults },
      platform: normalizePlatform(platform),
      author,
      history: { created_by: 'slipway import', ...(message === undefined ? {} : { comment: message }) },
      created: new Date().toISOString(),
    });
    await storeDocuments(parts, draft, image, signal);
    const recorded = await recordMade(parts, draft, {
      name: fullName,
      image,
      snapshotter: context.snapshotterId,
      base: undefined,
    });
    draft.keep();
    step('import.recorded', { name: fullName });
    return recorded;
  });
}
