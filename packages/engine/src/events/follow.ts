import { mkdir } from 'node:fs/promises';
import { type EventLine, type EventsOptions, throwIfAborted } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { Changes } from './changes.js';
import { describeEvents } from './describe.js';
import { eventFilter } from './filter.js';
import { eventsFolder } from './journal.js';
import { JournalReader } from './reader.js';

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
