import type { EventLine, EventsOptions } from '@slipway/plugin-api';
import { lookUp } from '../containers/find.js';
import { hasLabels } from '../containers/labels.js';
import type { EngineParts } from '../settings.js';

/** All kinds that are given must hold; of several values of one kind one must, of labels all. */
export function eventFilter(parts: EngineParts, { filters = {} }: EventsOptions): (event: EventLine) => boolean {
  const { type, action, container, label } = filters;
  return (event) =>
    (type?.includes(event.type) ?? true) &&
    (action?.includes(event.action) ?? true) &&
    (container === undefined || (event.type === 'container' && container.some((one) => isOf(event, one)))) &&
    (label === undefined || hasLabels(event.attributes, label));

  function isOf({ id, attributes }: EventLine, text: string): boolean {
    return id.startsWith(text) || attributes['name'] === text || parts.metadata.read((tx) => lookUp(tx, id))?.row.name === text;
  }
}
