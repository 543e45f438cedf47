import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ContentStore,
  type ContentWriter,
  type Descriptor,
  type Digest,
  type Fetcher,
  isKind,
  step,
  throwIfAborted,
  wrapError,
} from '@slipway/plugin-api';
import { isBeingDeleted } from '../metadata/content.js';
import type { Operation } from '../operations/operation.js';
import { inlineContent } from './inline-content.js';

export interface FetchContext {
  readonly content: ContentStore;
  readonly fetcher: Fetcher;
  readonly operation: Operation;
  /** Ends a deletion that nobody is at work on any more, because its process was killed. */
  readonly finishDeletion: (digest: Digest) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
  /** What is there is damaged: it stays until what is fetched is verified, and is replaced then. */
  readonly replace?: boolean | undefined;
}

/** Connections that break in the middle are taken up again where they broke, so often in a row without a single new byte. */
const maxFruitlessAttempts = 5;

/** Who waits for another's download shows its progress, and takes it over soon when it breaks off. */
const longestWaitMs = 200;

/**
 * Brings a blob into the content store, verified. Returns at once when it is there. While another writer is at work on
 * it, in this process or another, waits for that one's outcome.
 */
export async function fetchContent(
  context: FetchContext,
  descriptor: Descriptor,
  onProgress: (bytes: number) => void,
): Promise<void> {
  const ref = `fetch-${descriptor.digest}`;
  const what = `fetch of "${descriptor.digest}"`;
  for (let wait = 10; ; wait = Math.min(wait * 2, longestWaitMs)) {
    throwIfAborted(what, context.signal);
    const ingest = context.operation.acquire({ kind: 'ingest', ref });
    let writer: ContentWriter;
    try {
      writer = await context.content.writer({ ref, expected: descriptor, replace: context.replace });
    } catch (error) {
      // Not ours to abort: nobody's, or another's.
      ingest.forget();
      if (isKind(error, 'already-exists')) return;
      if (!isKind(error, 'unavailable')) throw wrapError(what, error);
      if (isBeingDeleted(error)) await context.finishDeletion(descriptor.digest);
      else await tellOther(context.content, ref, onProgress);
      // Not all at once. Rejects only when aborted, which is told above.
      await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal: context.signal }).catch(() => {});
      continue;
    }
    try {
      await download(context, descriptor, writer, onProgress);
      ingest.forget();
      return;
    } catch (error) {
      await writer.close();
      if (isKind(error, 'already-exists')) {
        ingest.forget();
        return;
      }
      await ingest.release();
      throw wrapError(what, error);
    }
  }
}

/** How far the other writer has come, unless it has ended in this moment. */
async function tellOther(content: ContentStore, ref: string, onProgress: (bytes: number) => void): Promise<void> {
  try {
    onProgress((await content.status(ref)).offset);
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
  }
}

async function download(
  context: FetchContext,
  descriptor: Descriptor,
  writer: ContentWriter,
  onProgress: (bytes: number) => void,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const before = writer.status().offset;
    try {
      await transfer(context, descriptor, writer, onProgress);
      break;
    } catch (error) {
      if (writer.status().offset > before) attempt = 1;
      if (!isKind(error, 'unavailable') || attempt >= maxFruitlessAttempts) throw error;
      throwIfAborted(`fetch of "${descriptor.digest}"`, context.signal);
      await sleep(100 * 2 ** attempt * (0.5 + Math.random()), undefined, { signal: context.signal });
    }
  }
  await writer.commit({ size: descriptor.size, digest: descriptor.digest });
  step('fetch.committed', { digest: descriptor.digest });
}

async function transfer(
  context: FetchContext,
  descriptor: Descriptor,
  writer: ContentWriter,
  onProgress: (bytes: number) => void,
): Promise<void> {
  let offset = writer.status().offset;
  onProgress(offset);
  if (offset === descriptor.size && offset > 0) return;
  await using fetched =
    descriptor.data === undefined
      ? await context.fetcher.fetch(descriptor, { offset, signal: context.signal })
      : inlineContent(descriptor, offset);
  if (fetched.offset !== offset) {
    await writer.truncate();
    offset = 0;
  }
  for await (const chunk of fetched.body) {
    throwIfAborted(`fetch of "${descriptor.digest}"`, context.signal);
    await writer.write(chunk);
    offset += chunk.byteLength;
    onProgress(offset);
  }
  step('fetch.received', { digest: descriptor.digest });
}
