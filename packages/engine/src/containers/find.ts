import { type ReadTransaction, SlipwayError } from '@slipway/plugin-api';
import { type ContainerRow, containerNamesTable, containersTable } from '../metadata/containers.js';
import { rowKey, rowName, rowPrefix } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';

export interface FoundContainer {
  readonly id: string;
  readonly row: ContainerRow;
}

const maxLength = 64;
const digits = /^[0-9a-f]+$/;

/**
 * A container that is there now, whichever process made it: by its whole id, else by its name, else by the beginning of its id. So a name that could be
 * the beginning of an id means the container that has it. Errors: `not-found`, `invalid-argument` (the beginning of several).
 */
export function findContainer({ metadata }: Pick<EngineParts, 'metadata'>, text: string): FoundContainer {
  if (text === '' || text.length > maxLength) throw containerNotFound(text);
  return metadata.read(
    (tx) => lookUp(tx, text) ?? lookUp(tx, tx.get(containerNamesTable, rowKey(text))) ?? byBeginning(tx, text),
  );
}

/** By its whole id. Errors: `not-found`. */
export function containerById({ metadata }: Pick<EngineParts, 'metadata'>, id: string): FoundContainer {
  const found = metadata.read((tx) => lookUp(tx, id));
  if (found === undefined) throw containerNotFound(id);
  return found;
}

export function lookUp(tx: ReadTransaction, id: string | undefined): FoundContainer | undefined {
  const row = id === undefined ? undefined : tx.get(containersTable, rowKey(id));
  return id === undefined || row === undefined ? undefined : { id, row };
}

function byBeginning(tx: ReadTransaction, text: string): FoundContainer {
  const matches = digits.test(text)
    ? [...tx.entries(containersTable, { prefix: rowKey(text) })].map(([key, row]) => ({ id: rowName(key), row }))
    : [];
  const [only, ...others] = matches;
  if (only === undefined) throw containerNotFound(text);
  if (others.length === 0) return only;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'CONTAINER_AMBIGUOUS',
    message: `${JSON.stringify(text)} is the beginning of ${matches.length} containers: ${matches.map(({ id }) => id).join(', ')}`,
    hint: 'give more digits',
  });
}

export function allContainers({ metadata }: Pick<EngineParts, 'metadata'>): FoundContainer[] {
  return metadata.read((tx) =>
    [...tx.entries(containersTable, { prefix: rowPrefix })].map(([key, row]) => ({ id: rowName(key), row })),
  );
}

export function containerNotFound(id: string): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'CONTAINER_NOT_FOUND',
    message: `no container ${JSON.stringify(id)} here`,
    hint: 'slipway ps -a lists those that are here',
    details: { id },
  });
}
