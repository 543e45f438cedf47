import type { EventLine, EventsOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function* engineEvents(_parts: EngineParts, _options: EventsOptions): AsyncGenerator<EventLine, void, undefined> {
  throw unfinished('events');
}
