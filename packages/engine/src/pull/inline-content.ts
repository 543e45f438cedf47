import { type Descriptor, type FetchedContent, SlipwayError } from '@slipway/plugin-api';
import { brokenImageHint } from './broken-image.js';

/** The content that a descriptor brings along (OCI image-spec, descriptor.md, `data`). Whether its digest is right, the store finds out. */
export function inlineContent({ digest, size, data = '' }: Descriptor, offset: number): FetchedContent {
  const bytes = Buffer.from(data, 'base64');
  if (bytes.length !== size || bytes.toString('base64') !== data) {
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'DESCRIPTOR_DATA_INVALID',
      message: `the descriptor of "${digest}" brings data along that is not ${size} bytes in base64`,
      hint: brokenImageHint,
      details: { digest },
    });
  }
  return {
    offset,
    body: (async function* () {
      if (offset < size) yield bytes.subarray(offset);
    })(),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
