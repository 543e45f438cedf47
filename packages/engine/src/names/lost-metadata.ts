import { SlipwayError } from '@slipway/plugin-api';
import { lastBoot } from '../metadata/boot.js';
import type { EngineParts } from '../settings.js';
import { knownNames } from './keep-names.js';

type Stores = Pick<EngineParts, 'metadata' | 'settings'>;

/** New metadata, of which nobody has said when it was used, beside names that mean something: what was there before is gone. */
export function isMetadataLost({ metadata, settings }: Stores): boolean {
  return lastBoot(metadata) === undefined && knownNames(settings.root).size > 0;
}

/** To go on would write over the names, and a sweep would take all content for garbage. Errors: `data-loss`. */
export function requireMetadata(parts: Stores): void {
  if (!isMetadataLost(parts)) return;
  const { root } = parts.settings;
  throw new SlipwayError({
    kind: 'data-loss',
    code: 'METADATA_LOST',
    message: `the metadata of ${JSON.stringify(root)} is new and knows no images, its copy of their names knows ${knownNames(root).size}`,
    hint: 'slipway system rebuild makes the metadata anew from content, or restore its folder from a backup',
    details: { root },
  });
}
