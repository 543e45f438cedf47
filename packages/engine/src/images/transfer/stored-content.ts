import { type ContentStore, type Descriptor, type Fetcher, isKind, SlipwayError, throwIfAborted } from '@slipway/plugin-api';

const pieceBytes = 1024 * 1024;

/** What is in the content store, as a source to send from. Errors: `failed-precondition` for what is not here. */
export function storedContent(content: ContentStore, image: string): Fetcher {
  return {
    fetch: async (descriptor, { offset = 0, signal } = {}) => {
      const reader = await content.readerAt(descriptor.digest).catch((error: unknown) => {
        throw isKind(error, 'not-found') ? contentMissing(image, descriptor, error) : error;
      });
      async function* body(): AsyncGenerator<Uint8Array> {
        for (let at = offset; at < reader.size; ) {
          throwIfAborted(`read of "${descriptor.digest}"`, signal);
          const piece = Buffer.allocUnsafe(Math.min(pieceBytes, reader.size - at));
          const count = await reader.read(piece, at);
          if (count === 0) return;
          at += count;
          yield piece.subarray(0, count);
        }
      }
      return { offset, body: body(), [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() };
    },
  };
}

export function contentMissing(image: string, { digest }: Descriptor, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'IMAGE_CONTENT_MISSING',
    message: `"${digest}" of image ${JSON.stringify(image)} is not here`,
    hint: 'compressed layers may have been discarded after they were unpacked: remove the image and pull it without --discard-layers',
    cause,
    details: { digest },
  });
}
