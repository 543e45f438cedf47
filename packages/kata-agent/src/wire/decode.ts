import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { Field, Fields, Scalar, Values } from './fields.js';

/** In a message and all that are in it, known or not: two bytes can be one, and the sender may be hostile. An answer about many disks and networks has some hundreds. */
export const maxFields = 16_384;

/** A message out of its bytes. Fields that are not known are passed over. Throws on bytes that are no message, or have too much in them. */
export function decodeMessage<F extends Fields>(fields: F, bytes: Uint8Array): Values<F> {
  return decode(fields, bytes, new Count()) as Values<F>;
}

/** Of what has been read. */
class Count {
  #fields = 0;

  add(): void {
    this.#fields += 1;
    if (this.#fields > maxFields) throw new Error(`a message of more than ${maxFields} fields`);
  }
}

function decode(fields: Fields, bytes: Uint8Array, count: Count): Record<string, unknown> {
  const byNumber = numbered(fields);
  const values = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, nothing(field)]));
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    count.add();
    const [number, type] = reader.tag();
    const [name, field] = byNumber.get(number) ?? [];
    if (name === undefined || field === undefined) reader.skip(type, number);
    else values[name] = taken(field, values[name], payload(reader, type), count);
  }
  return values;
}

function payload(reader: BinaryReader, type: WireType): bigint | Uint8Array {
  if (type === WireType.Varint) return BigInt(reader.uint64());
  if (type === WireType.LengthDelimited) return reader.bytes();
  throw new Error(`a field of the form ${type}, which no message here has`);
}

function* packedNumbers(bytes: Uint8Array, count: Count): Generator<bigint> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    count.add();
    yield BigInt(reader.uint64());
  }
}

const known = new WeakMap<Fields, ReadonlyMap<number, readonly [string, Field]>>();

function numbered(fields: Fields): ReadonlyMap<number, readonly [string, Field]> {
  const found = known.get(fields);
  if (found !== undefined) return found;
  const byNumber = new Map(Object.entries(fields).map(([name, field]) => [field.number, [name, field] as const]));
  known.set(fields, byNumber);
  return byNumber;
}

const entries = new WeakMap<Field, Fields>();

/** What an entry of a map is. The same for all of a field, so that its numbers are not looked for in each. */
function entryOf(field: Field): Fields {
  const found = entries.get(field);
  if (found !== undefined) return found;
  const entry: Fields = { key: { number: 1, form: 'one', of: 'string' }, value: { number: 2, form: 'one', of: field.of } };
  entries.set(field, entry);
  return entry;
}

function nothing({ form, of }: Field): unknown {
  if (form === 'many') return [];
  if (form === 'map') return new Map();
  return form === 'set' || typeof of !== 'string' ? undefined : zero(of);
}

function taken(field: Field, before: unknown, value: bigint | Uint8Array, count: Count): unknown {
  const { form, of } = field;
  if (form === 'many') {
    const list = before as unknown[];
    const packed = value instanceof Uint8Array && typeof of === 'string' && of !== 'string' && of !== 'bytes';
    for (const one of packed ? packedNumbers(value, count) : [value]) list.push(read(of, one, count));
    return list;
  }
  if (form === 'map') {
    const entry = decode(entryOf(field), lengthed(value), count);
    return (before as Map<string, unknown>).set(String(entry['key']), entry['value']);
  }
  return read(of, value, count);
}

function read(of: Field['of'], value: bigint | Uint8Array, count: Count): unknown {
  if (typeof of !== 'string') return decode(of, lengthed(value), count);
  if (of === 'bytes') return lengthed(value);
  if (of === 'string') return Buffer.from(lengthed(value)).toString();
  if (value instanceof Uint8Array) throw new Error('bytes where a number should be');
  return numbers[of](value);
}

const numbers: Readonly<Record<Exclude<Scalar, 'string' | 'bytes'>, (value: bigint) => unknown>> = {
  bool: (value) => value !== 0n,
  int32: (value) => Number(BigInt.asIntN(32, value)),
  uint32: (value) => Number(BigInt.asUintN(32, value)),
  int64: (value) => BigInt.asIntN(64, value),
  uint64: (value) => value,
};

function zero(of: Scalar): unknown {
  if (of === 'string') return '';
  return of === 'bytes' ? new Uint8Array() : numbers[of](0n);
}

function lengthed(value: bigint | Uint8Array): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Error('a number where bytes should be');
  return value;
}
