import type { EventLine, EventsOptions } from '@slipway/plugin-api';
import type { Action, OptionValues } from '../command.js';
import { oneOf, readFilters } from '../filters.js';
import { withEngine } from '../host.js';
import { untilInterrupted } from '../interruption.js';
import { parseMoment } from '../moment.js';
import { printable, printableJson } from '../printable.js';

export const events: Action = async (invocation) => {
  const { options, global, output } = invocation;
  const wanted = wantedEvents(options);
  return withEngine(invocation, (engine) =>
    untilInterrupted('events', async (signal) => {
      for await (const event of engine.containers.events({ ...wanted, signal }))
        output.out(`${global.json ? printableJson(event) : eventText(event)}\n`);
    }),
  );
};

/** As docker: `TIME TYPE ACTION ID (key=value, ...)`. */
function eventText({ time, type, action, id, attributes }: EventLine): string {
  const pairs = Object.entries(attributes).map(([key, value]) => `${key}=${value}`);
  return printable(`${time} ${type} ${action} ${id}${pairs.length === 0 ? '' : ` (${pairs.join(', ')})`}`);
}

const types: readonly EventLine['type'][] = ['container', 'image', 'volume', 'network'];

function wantedEvents(options: OptionValues): EventsOptions {
  const moment = (name: string): Date | undefined => {
    const text = options.text(name);
    return text === undefined ? undefined : parseMoment('events', `--${name}`, text);
  };
  const found = readFilters('events', options.list('filter'), ['type', 'event', 'container', 'label']);
  const some = <T>(values: readonly T[]): readonly T[] | undefined => (values.length === 0 ? undefined : values);
  return {
    since: moment('since'),
    until: moment('until'),
    filters: {
      type: some(oneOf('events', 'type', found.type, types)),
      action: some(found.event),
      container: some(found.container),
      label: some(found.label),
    },
  };
}
