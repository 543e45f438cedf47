import { compatiblePlatforms, formatPlatform, hostPlatform, normalizePlatform } from '@slipway/oci';
import { type Descriptor, type ImageConfig, type Platform, SlipwayError } from '@slipway/plugin-api';

/**
 * A manifest that no index speaks of, or whose entry says nothing of its platform, is for what its config says. Errors:
 * `PLATFORM_NOT_FOUND` when a platform was asked for and it is another one.
 *
 * @returns a warning when nothing was asked for and it is not for this host: it may run all the same, by emulation
 */
export function checkPlatform(manifest: Descriptor, config: ImageConfig, asked: Platform | undefined): string | undefined {
  const found = formatPlatform(normalizePlatform(platformOf(config)));
  const wanted = asked ?? hostPlatform();
  if (compatiblePlatforms(wanted).some((platform) => formatPlatform(platform) === found)) return undefined;
  if (asked === undefined) return `the image is for platform ${found}, this host is ${formatPlatform(wanted)}`;
  throw new SlipwayError({
    kind: 'not-found',
    code: 'PLATFORM_NOT_FOUND',
    message: `the image has no manifest for platform "${formatPlatform(wanted)}"; it has ${found}`,
    hint: 'choose one with --platform',
    details: { digest: manifest.digest, platform: wanted, available: [found] },
  });
}

/** What the config says that the image is for. */
export function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  return { os, architecture, ...(variant ? { variant } : {}) };
}
