import type { Readable } from 'node:stream';
import { type CopyToOptions, throwIfAborted } from '@slipway/plugin-api';
import { type AskThread, copyInThread } from '../copy-thread.js';
import type { EngineParts } from '../settings.js';
import { withTree } from './copy/with-tree.js';

/** As much of the archive as may be on its way to the thread. */
const mostUntaken = 4;

/** What an error leaves half done stays, as with any copy. Errors: PATH_NOT_FOUND, NOT_A_DIRECTORY, READ_ONLY, COPY_REPLACES_KIND, ARCHIVE_..., `canceled`. */
export async function copyToContainer(
  parts: EngineParts,
  id: string,
  path: string,
  input: Readable,
  { keepOwners = false, noReplaceKind = false, signal }: CopyToOptions,
): Promise<void> {
  const what = `copy to container "${id}"`;
  throwIfAborted(what, signal);
  try {
    await withTree(parts, id, { what, writes: true, signal }, async (tree) => {
      const feed = new Feed(input);
      try {
        const answers = copyInThread({ kind: 'unpack', tree, path, keepOwners, noReplaceKind }, feed.orFailed(signal), (ask) =>
          feed.begin(ask),
        );
        for await (const answer of answers) {
          if (answer.type === 'taken') feed.taken();
          if (answer.type === 'warning') parts.log.warn(`${what}: ${answer.message}`);
        }
      } catch (error) {
        throw feed.failure ?? error;
      } finally {
        feed.end();
      }
    });
  } finally {
    input.destroy();
  }
}

/** Hands a stream to the thread, a few parts ahead of it. */
class Feed {
  readonly #input: Readable;
  readonly #failed = new AbortController();
  #untaken = 0;
  #isOver = false;
  #onTaken = (): void => undefined;
  /** Of the stream. */
  failure: unknown;

  constructor(input: Readable) {
    this.#input = input;
  }

  orFailed(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any(signal === undefined ? [this.#failed.signal] : [signal, this.#failed.signal]);
  }

  begin(ask: AskThread): void {
    this.#feed(ask).catch((error: unknown) => {
      if (this.#isOver) return;
      this.failure = error;
      this.#failed.abort();
    });
  }

  taken(): void {
    this.#untaken--;
    this.#onTaken();
  }

  end(): void {
    this.#isOver = true;
    this.#onTaken();
  }

  async #feed(ask: AskThread): Promise<void> {
    for await (const chunk of this.#input) {
      if (this.#isOver) return;
      const bytes = Uint8Array.from(chunk as Uint8Array);
      ask({ type: 'part', bytes }, [bytes.buffer]);
      this.#untaken++;
      while (this.#untaken >= mostUntaken && !this.#isOver) await new Promise<void>((resolve) => (this.#onTaken = resolve));
    }
    ask({ type: 'end' });
  }
}
