import { type ReadTransaction, SlipwayError } from '@slipway/plugin-api';
import { containerIds, containerRow, containerRows } from '../metadata/container-rows.js';
import { type ContainerRow, containerNamesTable } from '../metadata/containers.js';
import { rowKey } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';

export interface FoundContainer {
  readonly id: string;
  readonly row: ContainerRow;
}

const maxLength = 64;
const digits = /^[0-9a-f]+$/;

/**
 * A container that is there now, whichever process made it: by its whole id, else by its name, else by the beginning of its id. So a name that could be
 * the beginning of an id means the container that has it. Errors: `not-found`, `invalid-argument` (the beginning of several),
 * `data-loss` (CONTAINER_UNREADABLE).
 */
export function findContainer({ metadata }: Pick<EngineParts, 'metadata'>, text: string): FoundContainer {
  if (typeof text !== 'string') throw noName(text);
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
  const row = id === undefined ? undefined : containerRow(tx, id);
  return id === undefined || row === undefined ? undefined : { id, row };
}

function byBeginning(tx: ReadTransaction, text: string): FoundContainer {
  const matches = digits.test(text) ? containerIds(tx, text) : [];
  const [only, ...others] = matches;
  const found = lookUp(tx, only);
  if (found === undefined) throw containerNotFound(text);
  if (others.length === 0) return found;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'CONTAINER_AMBIGUOUS',
    message: `${JSON.stringify(text)} is the beginning of ${matches.length} containers: ${matches.join(', ')}`,
    hint: 'give more digits',
  });
}

/** Those whose rows can be read; of the others a warning tells. */
export function allContainers({ metadata, log }: Pick<EngineParts, 'metadata' | 'log'>): readonly FoundContainer[] {
  const { readable, unreadable } = metadata.read(containerRows);
  for (const { error } of unreadable) log.warn(`${error.message}; ${error.hint}`);
  return readable;
}

/** Of a program without types. */
function noName(found: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'CONTAINER_OPTION_INVALID',
    message: `name or id of a container is ${found === null ? 'null' : `of the type ${typeof found}`}, expected string`,
    details: { option: 'name' },
  });
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
