import { type Descriptor, type Fetcher, SlipwayError } from '@slipway/plugin-api';
import type { PublishedContent } from './origin.js';

const pieceBytes = 100_000;

/** Content in memory to push from, which counts what is read of it and can fail. */
export class PushSource implements Fetcher {
  readonly #content = new Map<string, Buffer>();
  /** How often each was opened, by digest. */
  readonly opened = new Map<string, number>();
  /** Called before each piece, with where it begins and how often the content was opened; what it throws is what the body throws. */
  before: (position: number, opened: number) => void = () => undefined;

  constructor(...content: readonly PublishedContent[]) {
    for (const { descriptor, bytes } of content) this.put(descriptor, bytes);
  }

  /** Whether the bytes are those of the descriptor is not looked at. */
  put({ digest }: Descriptor, bytes: Buffer): void {
    this.#content.set(digest, bytes);
  }

  fetch: Fetcher['fetch'] = async ({ digest }, { offset = 0 } = {}) => {
    const bytes = this.#content.get(digest);
    if (bytes === undefined)
      throw new SlipwayError({ kind: 'not-found', code: 'SOURCE_LACKS_IT', message: `the source has no "${digest}"` });
    const opened = (this.opened.get(digest) ?? 0) + 1;
    this.opened.set(digest, opened);
    const { before } = this;
    async function* body(content: Buffer): AsyncGenerator<Uint8Array> {
      for (let at = offset; at < content.length; at += pieceBytes) {
        before(at, opened);
        yield Buffer.from(content.subarray(at, at + pieceBytes));
      }
    }
    return { offset, body: body(bytes), [Symbol.asyncDispose]: async () => undefined };
  };
}
