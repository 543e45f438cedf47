import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { Field, Fields, Scalar, Values } from './fields.js';

/** Of a list: two bytes can be an element, and the sender may be hostile. */
const maxElements = 65_536;

/** A message out of its bytes. Fields that are not known are passed over. Throws on bytes that are no message, or have too much in them. */
export function decodeMessage<F extends Fields>(fields: F, bytes: Uint8Array): Values<F> {
  return decode(fields, bytes) as Values<F>;
}

function decode(fields: Fields, bytes: Uint8Array): Record<string, unknown> {
  const byNumber = numbered(fields);
  const values = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, nothing(field)]));
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const [name, field] = byNumber.get(number) ?? [];
    if (name === undefined || field === undefined) reader.skip(type, number);
    else values[name] = taken(field, values[name], payload(reader, type));
  }
  return values;
}

function payload(reader: BinaryReader, type: WireType): bigint | Uint8Array {
  if (type === WireType.Varint) return BigInt(reader.uint64());
  if (type === WireType.LengthDelimited) return reader.bytes();
  throw new Error(`a field of the form ${type}, which no message here has`);
}

function* packedNumbers(bytes: Uint8Array): Generator<bigint> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) yield BigInt(reader.uint64());
}

const known = new WeakMap<Fields, ReadonlyMap<number, readonly [string, Field]>>();

function numbered(fields: Fields): ReadonlyMap<number, readonly [string, Field]> {
  const found = known.get(fields);
  if (found !== undefined) return found;
  const byNumber = new Map(Object.entries(fields).map(([name, field]) => [field.number, [name, field] as const]));
  known.set(fields, byNumber);
  return byNumber;
}

function nothing({ form, of }: Field): unknown {
  if (form === 'many') return [];
  if (form === 'map') return new Map();
  return form === 'set' || typeof of !== 'string' ? undefined : zero(of);
}

function taken({ form, of }: Field, before: unknown, value: bigint | Uint8Array): unknown {
  if (form === 'many') {
    const list = before as unknown[];
    const packed = value instanceof Uint8Array && typeof of === 'string' && of !== 'string' && of !== 'bytes';
    for (const one of packed ? packedNumbers(value) : [value]) {
      if (list.length === maxElements) throw new Error(`a list of more than ${maxElements} elements`);
      list.push(read(of, one));
    }
    return list;
  }
  if (form === 'map') {
    const map = before as Map<string, unknown>;
    if (map.size === maxElements) throw new Error(`a map of more than ${maxElements} entries`);
    const entry = decode(
      { key: { number: 1, form: 'one', of: 'string' }, value: { number: 2, form: 'one', of } },
      lengthed(value),
    );
    return map.set(String(entry['key']), entry['value']);
  }
  return read(of, value);
}

function read(of: Field['of'], value: bigint | Uint8Array): unknown {
  if (typeof of !== 'string') return decode(of, lengthed(value));
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
