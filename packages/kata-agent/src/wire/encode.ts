import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Field, Fields, Init, Scalar } from './fields.js';

/** A value that its field cannot have. */
export class EncodeError extends Error {
  /** `linux.devices[0].path` */
  readonly path: string;
  /** `is 1.5, expected a whole number` */
  readonly reason: string;
  /** The message cannot say it. */
  readonly unknown: boolean;

  constructor(path: string, reason: string, unknown = false) {
    super(`"${path}" ${reason}`);
    this.path = path;
    this.reason = reason;
    this.unknown = unknown;
  }
}

/** The bytes of a message. Throws {@link EncodeError}: nothing that is given is left out. */
export function encodeMessage<F extends Fields>(fields: F, init: Init<F>): Uint8Array {
  return encode(fields, init, '');
}

function encode(fields: Fields, init: unknown, path: string): Uint8Array {
  if (init instanceof Uint8Array) return init;
  const out = new BinaryWriter();
  for (const [name, value] of Object.entries(object(init, path))) {
    if (value === undefined) continue;
    const where = path === '' ? name : `${path}.${name}`;
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) throw new EncodeError(where, 'is no field of the message', true);
    putField(out, field, value, where);
  }
  return out.finish();
}

function putField(out: BinaryWriter, field: Field, value: unknown, path: string): void {
  switch (field.form) {
    case 'one':
      if (!isNothing(value)) put(out, field.number, field.of, value, path);
      else check(field.of, value, path);
      return;
    case 'some':
      if (isNothing(value)) throw new EncodeError(path, `is ${shown(value)}, which cannot be told from nothing`, true);
      put(out, field.number, field.of, value, path);
      return;
    case 'set':
      put(out, field.number, field.of, value, path);
      return;
    case 'map':
      for (const [key, one] of Object.entries(object(value, path))) {
        const entry = new BinaryWriter();
        put(entry, 1, 'string', key, path);
        put(entry, 2, field.of, one, `${path}.${key}`);
        out.tag(field.number, WireType.LengthDelimited).bytes(entry.finish());
      }
      return;
    case 'many':
      if (!Array.isArray(value)) throw new EncodeError(path, `is ${shown(value)}, expected a list`);
      putAll(out, field, value, path);
  }
}

function putAll(out: BinaryWriter, { number, of }: Field, values: readonly unknown[], path: string): void {
  if (typeof of === 'string' && of !== 'string' && of !== 'bytes') {
    const packed = new BinaryWriter();
    for (const [at, value] of values.entries()) packed.uint64(numeric(of, value, `${path}[${at}]`));
    if (values.length > 0) out.tag(number, WireType.LengthDelimited).bytes(packed.finish());
    return;
  }
  for (const [at, value] of values.entries()) put(out, number, of, value, `${path}[${at}]`);
}

function put(out: BinaryWriter, number: number, of: Field['of'], value: unknown, path: string): void {
  if (typeof of !== 'string') out.tag(number, WireType.LengthDelimited).bytes(encode(of, value, path));
  else if (of === 'string') out.tag(number, WireType.LengthDelimited).string(text(value, path));
  else if (of === 'bytes') out.tag(number, WireType.LengthDelimited).bytes(bytes(value, path));
  else out.tag(number, WireType.Varint).uint64(numeric(of, value, path));
}

function isNothing(value: unknown): boolean {
  return value === '' || value === 0 || value === 0n || value === false || (value instanceof Uint8Array && value.length === 0);
}

function check(of: Field['of'], value: unknown, path: string): void {
  put(new BinaryWriter(), 1, of, value, path);
}

function text(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new EncodeError(path, `is ${shown(value)}, expected a text`);
  return value;
}

function bytes(value: unknown, path: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new EncodeError(path, `is ${shown(value)}, expected bytes`);
  return value;
}

const ranges: Readonly<Record<Exclude<Scalar, 'string' | 'bytes' | 'bool'>, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

function numeric(of: Exclude<Scalar, 'string' | 'bytes'>, value: unknown, path: string): bigint {
  if (of === 'bool') {
    if (typeof value !== 'boolean') throw new EncodeError(path, `is ${shown(value)}, expected true or false`);
    return value ? 1n : 0n;
  }
  const [least, most] = ranges[of];
  // JSON.parse reads 18446744073709551615, which stands for no limit, as 2 ** 64.
  const whole = value === 2 ** 64 ? 2n ** 64n - 1n : integer(value);
  if (whole === undefined || whole < least || whole > most)
    throw new EncodeError(path, `is ${shown(value)}, expected a whole number from ${least} to ${most}`);
  return BigInt.asUintN(64, whole);
}

function integer(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : undefined;
}

function object(value: unknown, path: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new EncodeError(path, `is ${shown(value)}, expected an object`);
  return value;
}

function shown(value: unknown): string {
  return typeof value === 'bigint' ? `${value}` : (JSON.stringify(value) ?? typeof value);
}
