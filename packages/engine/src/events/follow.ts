import { watch } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { type EventLine, type EventsOptions, throwIfAborted, wrapError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { describeEvents } from './describe.js';
import { eventFilter } from './filter.js';
import { eventsFolder } from './journal.js';
import { JournalReader } from './reader.js';

/** In case the kernel's queue of changes has overflowed, or the file system tells of none. */
const lookAgainMs = 1000;

/**
 * What is in the journals since a time, then what is written as it is written. A line is told once, in the order of the files; none is missed while this process reads faster
 * than journals are filled and go.
 */
export async function* engineEvents(parts: EngineParts, options: EventsOptions): AsyncGenerator<EventLine, void, undefined> {
  const { since, until, signal } = options;
  const { state } = parts.settings;
  const [described, matches] = [describeEvents(parts), eventFilter(parts, options)];
  await mkdir(eventsFolder(state), { recursive: true, mode: 0o700 });
  // Watched before it is read: what is written between the two is told by the watch.
  using changes = new Changes(eventsFolder(state), until, signal);
  using reader = new JournalReader(state, since === undefined ? 'end' : 'beginning');
  for (;;) {
    // Whether time was up is asked before the last look.
    const isOver = until !== undefined && Date.now() >= until.getTime();
    for (const line of reader.read()) {
      const event = described(line);
      const time = Date.parse(event.time);
      if ((since === undefined || time >= since.getTime()) && (until === undefined || time < until.getTime()) && matches(event))
        yield event;
    }
    if (isOver) return;
    throwIfAborted('follow events', signal);
    await changes.next();
  }
}

/** Resolves when something in the folder has changed since the last time, or it is time to look. */
class Changes implements Disposable {
  readonly #ending = new DisposableStack();
  #changed = Promise.withResolvers<void>();

  constructor(
    folder: string,
    private readonly until: Date | undefined,
    signal: AbortSignal | undefined,
  ) {
    const tell = (): void => this.#changed.resolve();
    try {
      const watcher = this.#ending.adopt(watch(folder), (one) => one.close());
      watcher.on('change', tell);
      // Too many are watched on this machine, say: the clock remains.
      watcher.on('error', tell);
    } catch (error) {
      throw wrapError(`watch ${JSON.stringify(folder)}`, error);
    }
    signal?.addEventListener('abort', tell, { once: true });
    this.#ending.defer(() => signal?.removeEventListener('abort', tell));
  }

  async next(): Promise<void> {
    const left = this.until === undefined ? lookAgainMs : Math.max(1, this.until.getTime() - Date.now());
    const timer = setTimeout(() => this.#changed.resolve(), Math.min(left, lookAgainMs));
    await this.#changed.promise;
    clearTimeout(timer);
    this.#changed = Promise.withResolvers();
  }

  [Symbol.dispose](): void {
    this.#ending[Symbol.dispose]();
  }
}
