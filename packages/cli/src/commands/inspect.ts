import { parsePlatform } from '@slipway/oci';
import { type ContainerDetails, type Engine, hasCode, type ImageDetails, type Platform, SlipwayError } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printableJson } from '../printable.js';
import { forEachName } from './for-each-name.js';

type Found = ContainerDetails | ImageDetails;

export const inspect: Action = async (invocation) => {
  const { args, options, output } = invocation;
  const given = options.text('platform');
  const platform = given === undefined ? undefined : parsePlatform(given);
  // Only images have platforms.
  const type = options.text('type') ?? (platform === undefined ? undefined : 'image');
  const found: Found[] = [];
  const failed = await withEngine(invocation, (engine) =>
    forEachName(invocation, args, async (name) => {
      found.push(await lookUp(engine, name, type, platform));
    }),
  );
  output.out(`${printableJson(found, 2)}\n`);
  return failed ? 1 : 0;
};

async function lookUp(engine: Engine, name: string, type: string | undefined, platform: Platform | undefined): Promise<Found> {
  if (type === 'image') return engine.images.inspect(name, { platform });
  try {
    return await engine.containers.inspect(name);
  } catch (error) {
    if (type === 'container' || !hasCode(error, 'CONTAINER_NOT_FOUND')) throw error;
    try {
      return await engine.images.inspect(name, { platform });
    } catch (missing) {
      throw hasCode(missing, 'IMAGE_NOT_FOUND') ? neitherContainerNorImage(name) : missing;
    }
  }
}

export function neitherContainerNorImage(name: string): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'IMAGE_NOT_FOUND',
    message: `no container and no image ${JSON.stringify(name)} here`,
    hint: 'slipway ps --all lists the containers, slipway images the images; a volume is for slipway volume inspect',
    details: { name },
  });
}
