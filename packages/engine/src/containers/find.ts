import { type ReadTransaction, SlipwayError } from '@slipway/plugin-api';
import { type ContainerRow, containersTable } from '../metadata/containers.js';
import { rowKey, rowName, rowPrefix } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';

export interface FoundContainer {
  readonly id: string;
  readonly row: ContainerRow;
}

const maxIdLength = 64;
const generatedId = /^[0-9a-f]{64}$/;

/**
 * A container that is there now, in whichever process, by its id. Of an id that was generated a beginning is enough, of a name that someone
 * chose it is not: `web` is not `web-2`. Errors: `not-found`, `invalid-argument` (the beginning of several).
 */
export function findContainer({ metadata }: Pick<EngineParts, 'metadata'>, text: string): FoundContainer {
  if (text === '' || text.length > maxIdLength) throw containerNotFound(text);
  return metadata.read((tx) => {
    const row = tx.get(containersTable, rowKey(text));
    return row === undefined ? byBeginning(tx, text) : { id: text, row };
  });
}

function byBeginning(tx: ReadTransaction, text: string): FoundContainer {
  const matches = [...tx.entries(containersTable, { prefix: rowPrefix })]
    .map(([key, row]) => ({ id: rowName(key), row }))
    .filter(({ id }) => generatedId.test(id) && id.startsWith(text));
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

export function containerNotFound(id: string): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'CONTAINER_NOT_FOUND',
    message: `no container ${JSON.stringify(id)} here`,
    hint: 'a container is there for as long as its command runs; run one with --name to find it by that name',
    details: { id },
  });
}
