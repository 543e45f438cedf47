import { decodeMessage, EncodeError, encodeMessage, type Fields, type Init } from '@slipway/kata-agent';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { many, map, message, messages, one, set, some } from '../dist/wire/fields.js';

const Inner = { name: one(1, 'string'), number: one(2, 'int32') } as const;
const Everything = {
  text: one(1, 'string'),
  bytes: one(2, 'bytes'),
  yes: one(3, 'bool'),
  signed: one(4, 'int32'),
  small: one(5, 'uint32'),
  long: one(6, 'int64'),
  large: one(7, 'uint64'),
  maybe: set(8, 'uint32'),
  not0: some(9, 'uint32'),
  texts: many(10, 'string'),
  numbers: many(11, 'uint64'),
  named: map(12, 'uint64'),
  inner: message(13, Inner),
  inners: messages(100, Inner),
} as const;

const hex = (fields: Fields, init: Init<Fields>): string => Buffer.from(encodeMessage(fields, init)).toString('hex');
const inner = fc.record({ name: fc.string({ unit: 'grapheme' }), number: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const everything = fc.record({
  text: fc.string({ unit: 'grapheme' }),
  bytes: fc.uint8Array(),
  yes: fc.boolean(),
  signed: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  small: uint32,
  long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  large: uint64,
  maybe: fc.option(uint32, { nil: undefined }),
  not0: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  texts: fc.array(fc.string({ unit: 'grapheme' })),
  numbers: fc.array(uint64),
  named: fc.dictionary(fc.string(), uint64),
  inner: fc.option(inner, { nil: undefined }),
  inners: fc.array(inner),
});

describe('encodeMessage', () => {
  // Those of the description of the format (protobuf.dev/programming-guides/encoding), and of protoc 3.21.
  it.each<[string, Fields, Init<Fields>, string]>([
    ['a number', { a: one(1, 'int32') }, { a: 150 }, '089601'],
    ['a text', { b: one(2, 'string') }, { b: 'testing' }, '120774657374696e67'],
    ['a message in a message', { c: message(3, { a: one(1, 'int32') }) }, { c: { a: 150 } }, '1a03089601'],
    ['a negative number, in ten bytes', { a: one(1, 'int32') }, { a: -2 }, '08feffffffffffffffff01'],
    ['numbers, packed', { f: many(6, 'int32') }, { f: [3, 270, 86942] }, '3206038e029ea705'],
    ['texts', { e: many(4, 'string') }, { e: ['a', ''] }, '2201612200'],
    ['a map', { g: map(7, 'int32') }, { g: { x: 0 } }, '3a050a01781000'],
    ['nothing where there is nothing', Everything, { text: '', yes: false, large: 0n, texts: [], inners: [] }, ''],
    ['what is set to nothing', { a: set(1, 'uint32'), c: message(3, Inner) }, { a: 0, c: {} }, '08001a00'],
    ['a message that is encoded already', { c: message(3, Inner) }, { c: Buffer.from('0a0161', 'hex') }, '1a030a0161'],
    ['a large field number', { h: one(536_870_911, 'bool') }, { h: true }, 'f8ffffff0f01'],
    ['no limit, as JSON.parse reads it', { a: one(1, 'uint64') }, { a: 2 ** 64 }, '08ffffffffffffffffff01'],
  ])('writes %s', (_, fields, init, bytes) => {
    expect(hex(fields, init)).toBe(bytes);
  });

  it.each<[string, unknown, string]>([
    ['a field that is not there', { other: 1 }, '"other" is no field of the message'],
    ['a name that every object has', { constructor: 1 }, '"constructor" is no field of the message'],
    ['one deep inside', { inners: [{}, { name: 'a', oops: 1 }] }, '"inners[1].oops" is no field of the message'],
    ['a number for a text', { text: 1 }, '"text" is 1, expected a text'],
    ['nothing of another type', { text: 0 }, '"text" is 0, expected a text'],
    ['a text for a number', { small: '1' }, '"small" is "1", expected a whole number from 0 to 4294967295'],
    ['a number that is too large', { signed: 2 ** 31 }, '"signed" is 2147483648, expected'],
    ['a negative number', { large: -1 }, '"large" is -1, expected'],
    ['a number that is not whole', { numbers: [1, 1.5] }, '"numbers[1]" is 1.5, expected'],
    ['one text for many', { texts: 'a' }, '"texts" is "a", expected a list'],
    ['a list for an object', { inner: [] }, '"inner" is [], expected an object'],
    ['nothing for an object', { inner: null }, '"inner" is null, expected an object'],
    ['a wrong value in a map', { named: { a: 'b' } }, '"named.a" is "b", expected'],
    ['a 0 that cannot be said', { not0: 0 }, '"not0" is 0, which cannot be told from nothing'],
    ['a word for yes', { yes: 'yes' }, '"yes" is "yes", expected true or false'],
    ['a text for bytes', { bytes: 'a' }, '"bytes" is "a", expected bytes'],
  ])('refuses %s', (_, init, error) => {
    expect(() => encodeMessage(Everything, init as Init<typeof Everything>)).toThrow(EncodeError);
    expect(() => encodeMessage(Everything, init as Init<typeof Everything>)).toThrow(error);
  });
});

describe('decodeMessage', () => {
  it('reads what was written', () => {
    fc.assert(
      fc.property(everything, (init) => {
        const read = decodeMessage(Everything, encodeMessage(Everything, init));
        expect({ ...read, bytes: Uint8Array.from(read.bytes), named: Object.fromEntries(read.named) }).toEqual({
          ...init,
          named: Object.fromEntries(Object.entries(init.named)),
        });
      }),
    );
  });

  it('gives every field a value', () => {
    expect(decodeMessage(Everything, Buffer.alloc(0))).toEqual({
      ...{ text: '', bytes: new Uint8Array(), yes: false, signed: 0, small: 0, long: 0n, large: 0n, maybe: undefined, not0: 0 },
      ...{ texts: [], numbers: [], named: new Map(), inner: undefined, inners: [] },
    });
  });

  it('passes over fields that it does not know, reads numbers that are not packed, and takes the last of several', () => {
    const bytes = Buffer.from(
      'f80f01'.concat('f90f0000000000000000', 'fa0f0161', 'fd0f00000000', '5801', '5a020203', '0a0161', '0a0162'),
      'hex',
    );
    expect(decodeMessage(Everything, bytes)).toMatchObject({ numbers: [1n, 2n, 3n], text: 'b' });
  });

  it.each([
    ['a message that is cut off', '0a05'],
    ['a number that is cut off', '2880'],
    ['a number of more than ten bytes', '28ffffffffffffffffffff01'],
    ['a group', '0b'],
    ['a field of number 0', '0001'],
    ['a number where a text should be', '0801'],
    ['bytes where a number should be', '1a0101'],
    ['a number where a message should be', '6801'],
    ['a damaged message inside', '6a020a05'],
    ['a length beyond all', '0affffffffffffffffff01'],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeMessage(Everything, Buffer.from(bytes, 'hex'))).toThrow();
  });

  it.each<[string, (n: number) => Buffer]>([
    ['elements of a list', () => Buffer.from('a20600', 'hex')],
    ['entries of a map', (n) => Buffer.from(encodeMessage(Everything, { named: { [n]: 1 } }))],
    ['entries of a map with one key', () => Buffer.from('6200', 'hex')],
    ['messages where one is wanted', () => Buffer.from('6a00', 'hex')],
    ['fields that are not known', () => Buffer.from('f80f01', 'hex')],
    ['fields in messages', () => Buffer.from('6a0410011001', 'hex')],
  ])('refuses too many %s: a guest could hold up whoever reads it', (_, field) => {
    const many = (length: number) => Buffer.concat(Array.from({ length }, (__, n) => field(n)));
    expect(() => decodeMessage(Everything, many(5000))).not.toThrow();
    expect(() => decodeMessage(Everything, many(16_385))).toThrow('a message of more than 16384 fields');
  });

  it('refuses too many numbers in one field', () => {
    const packed = (count: number) => encodeMessage(Everything, { numbers: Array.from({ length: count }, () => 1) });
    expect(decodeMessage(Everything, packed(16_383)).numbers).toHaveLength(16_383);
    expect(() => decodeMessage(Everything, packed(16_384))).toThrow('a message of more than 16384 fields');
  });

  it('ends with a message or an error, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeMessage(Everything, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect(error).not.toBeInstanceOf(TypeError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
