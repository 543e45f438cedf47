import { SlipwayError, type Table } from '@slipway/plugin-api';

/**
 * Values are JSON: it keeps `__proto__` and `constructor` as plain keys (msgpackr renames the first), needs no shared
 * structure that a crash could lose, and can be read with any lmdb tool. What JSON would change in silence is refused.
 */
export function encodeValue<T>(table: Table<T>, key: string, value: T): Buffer {
  const text = jsonOf(table, key, value);
  try {
    table.parse(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw refusal(table, key, `is not what the table holds: ${why}`, cause);
  }
  return Buffer.from(text);
}

function jsonOf(table: Table<unknown>, key: string, value: unknown): string {
  const refuse = (found: string): never => {
    throw refusal(table, key, `holds ${found}, expected plain JSON data`);
  };
  if (value === undefined) return refuse('undefined');
  try {
    return JSON.stringify(
      value,
      function (this: Readonly<Record<string, unknown>>, property: string, serialized: unknown): unknown {
        // `this[property]` is the value before toJSON.
        const found = notPlain(this[property], Array.isArray(this));
        return found === undefined ? serialized : refuse(found);
      },
    );
  } catch (error) {
    if (error instanceof TypeError) return refuse('a cycle');
    throw error;
  }
}

function refusal(table: Table<unknown>, key: string, what: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'METADATA_VALUE_INVALID',
    message: `value of "${key}" in table "${table.name}" ${what}`,
    cause,
    details: { table: table.name, key },
  });
}

function notPlain(value: unknown, inArray: boolean): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : String(value);
    case 'undefined':
      return inArray ? 'undefined in an array' : undefined;
    case 'bigint':
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
    case 'object': {
      if (value === null || Array.isArray(value)) return undefined;
      const prototype: unknown = Object.getPrototypeOf(value);
      // Plain objects of another realm have another Object.prototype; what they share is that nothing is above it.
      if (prototype === null || Object.getPrototypeOf(prototype) === null) return undefined;
      return `a ${value.constructor.name}`;
    }
    default:
      return undefined;
  }
}

/** Errors: `data-loss` when the bytes are no JSON or the table's `parse` refuses the value. */
export function decodeValue<T>(table: Table<T>, key: string, bytes: Buffer): T {
  try {
    return table.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new SlipwayError({
      kind: 'data-loss',
      code: 'METADATA_VALUE_CORRUPT',
      message: `metadata row "${key}" of table "${table.name}" is not what it must be: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'the row was damaged, or written by another version of Slipway: slipway system rebuild makes the metadata anew from content',
      cause,
      details: { table: table.name, key },
    });
  }
}
