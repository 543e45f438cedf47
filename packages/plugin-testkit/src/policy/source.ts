import { type FetchedContent, type PolicySource, SlipwayError } from '@slipway/plugin-api';

/** What was asked of a source. */
export interface Watched {
  readonly source: PolicySource;
  /** Questions of all kinds, up to now. */
  asked(): number;
  /** Bytes of content that were taken, up to now. */
  taken(): number;
}

/** The same source; `content` stands in for what it yields. */
export function watched(
  source: PolicySource,
  content: (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array> = (body) => body,
): Watched {
  let [asked, taken] = [0, 0];
  const counting = async function* (body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      taken += chunk.byteLength;
      yield chunk;
    }
  };
  return {
    source: {
      resolve(...question) {
        asked += 1;
        return source.resolve(...question);
      },
      referrers(...question) {
        asked += 1;
        return source.referrers(...question);
      },
      fetcher: {
        async fetch(...question): Promise<FetchedContent> {
          asked += 1;
          const fetched = await source.fetcher.fetch(...question);
          return {
            offset: fetched.offset,
            body: counting(content(fetched.body)),
            [Symbol.asyncDispose]: () => fetched[Symbol.asyncDispose](),
          };
        },
      },
    },
    asked: () => asked,
    taken: () => taken,
  };
}

/** Without a network: whatever is asked fails. */
export function unreachable(): PolicySource {
  const fail = async (): Promise<never> => {
    throw new SlipwayError({ kind: 'unavailable', code: 'UNREACHABLE', message: 'the source cannot be reached' });
  };
  return { resolve: fail, referrers: fail, fetcher: { fetch: fail } };
}

/** Answers nothing, until the signal of the question. `asked` fulfils with the first one. */
export function silent(): { readonly source: PolicySource; readonly asked: Promise<void> } {
  const first = Promise.withResolvers<void>();
  const wait = (options?: { readonly signal?: AbortSignal | undefined }): Promise<never> =>
    new Promise((_, reject) => {
      const { signal } = options ?? {};
      const give = (): void =>
        reject(new SlipwayError({ kind: 'canceled', code: 'CANCELED', message: 'the question was given up' }));
      if (signal?.aborted) give();
      else signal?.addEventListener('abort', give, { once: true });
      first.resolve();
    });
  const source: PolicySource = {
    resolve: (_, options) => wait(options),
    referrers: (_, options) => wait(options),
    fetcher: { fetch: (_, options) => wait(options) },
  };
  return { source, asked: first.promise };
}

/** Every chunk with one bit turned over, where it is least seen: in the middle. */
export async function* damaged(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    const bytes = Uint8Array.from(chunk);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    yield bytes;
  }
}

/** All that there is, and then more, and no end. */
export async function* endless(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* body;
  for (;;) yield new Uint8Array(65_536).fill(0x20);
}
