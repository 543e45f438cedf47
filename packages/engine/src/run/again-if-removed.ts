import { type CreateContainerOptions, isKind, isSlipwayError, SlipwayError } from '@slipway/plugin-api';

/** Who removes images faster than that does not want them run. */
const attempts = 3;

const removedCode = 'IMAGE_REMOVED';

/**
 * Obtains an image and makes a container that holds it. Until then nothing holds it, and another process may remove it: then all is done again,
 * which pulls it, unless it must not be pulled.
 */
export async function againIfRemoved<T>({ pull, signal }: CreateContainerOptions, work: () => Promise<T>): Promise<T> {
  for (let left = attempts - 1; ; left--) {
    try {
      return await work();
    } catch (error) {
      if (left === 0 || pull === 'never' || signal?.aborted || !isOfRemoved(error)) throw error;
    }
  }
}

function isOfRemoved(error: unknown): boolean {
  return isSlipwayError(error) && (error.code === removedCode || error.code === 'CONTENT_NOT_FOUND');
}

/** What a snapshotter says of a parent that is gone, or is another since, told of the image. */
export function removedImage(name: string, error: unknown): unknown {
  if (!isKind(error, 'not-found', 'aborted')) return error;
  return new SlipwayError({
    kind: 'aborted',
    code: removedCode,
    message: `image ${JSON.stringify(name)} was removed while a container was made of it`,
    hint: 'run it again',
    cause: error,
  });
}
