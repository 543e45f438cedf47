import type { EventLine } from '@slipway/plugin-api';
import { lookUp } from '../containers/find.js';
import type { EngineParts } from '../settings.js';

type Attributes = EventLine['attributes'];

/** A monitor knows of its container what it does; name, image and labels are added here, also where the container has gone since. */
export function describeEvents(parts: EngineParts): (event: EventLine) => EventLine {
  const known = new Map<string, Attributes>();
  return (event) => {
    const { type, id, action, attributes } = event;
    if (type !== 'container') return event;
    if (attributes['name'] !== undefined) {
      if (action === 'destroy') known.delete(id);
      else if (action === 'create') known.set(id, attributes);
      return event;
    }
    return { ...event, attributes: { ...(attributesNow(parts, id) ?? known.get(id)), ...attributes } };
  };
}

function attributesNow({ metadata }: EngineParts, id: string): Attributes | undefined {
  const row = metadata.read((tx) => lookUp(tx, id))?.row;
  return row && { ...row.labels, image: row.image, name: row.name };
}
