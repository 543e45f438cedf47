import type { ContentStore, ContentWriter } from '@slipway/plugin-api';
import type { Operate } from '../children/child-process.js';
import { content, expectedOf, writeInChunks } from './bytes.js';

/** What a child process does; content is told by size and seed. */
export type ContentOperation =
  /** Brings content in, resuming, and commits it. */
  | readonly ['put', ref: string, size: number, seed: number]
  /** Writes the first `count` bytes of it and closes. */
  | readonly ['write', ref: string, size: number, seed: number, count: number]
  /** The same, but the writer stays open until the process ends. */
  | readonly ['hold', ref: string, size: number, seed: number, count: number]
  | readonly ['delete', digest: string]
  | readonly ['abort', ref: string];

const held: ContentWriter[] = [];

export const operate: Operate<ContentStore, ContentOperation> = async (store, operation) => {
  switch (operation[0]) {
    case 'put': {
      const [, ref, size, seed] = operation;
      const bytes = content(size, seed);
      await using writer = await store.writer({ ref });
      await writeInChunks(writer, bytes.subarray(writer.status().offset));
      await writer.commit(expectedOf(bytes));
      return undefined;
    }
    case 'write':
    case 'hold': {
      const [what, ref, size, seed, count] = operation;
      const writer = await store.writer({ ref });
      await writeInChunks(writer, content(size, seed).subarray(writer.status().offset, count));
      if (what === 'write') await writer.close();
      else held.push(writer);
      return undefined;
    }
    case 'delete':
      await store.delete(operation[1]);
      return undefined;
    case 'abort':
      await store.abort(operation[1]);
      return undefined;
  }
};
