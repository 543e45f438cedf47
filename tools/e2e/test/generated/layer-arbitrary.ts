import { type TarEntryText, unended } from '@slipway/plugin-testkit';
import fc from 'fast-check';

// Few names, so that entries meet each other. The rare ones: bytes that are no UTF-8, over ustar's fields, with what a shell or a log would stumble on.
const name = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom('a', 'b', 'c') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '\xff\xfe',
      'line\nfeed',
      'n'.repeat(130),
      '\xc3\xa9'.repeat(127),
      'back\\slash',
      ' ',
      '-rf',
      '.wha',
      'A',
    ),
  },
);
const plainPath = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));

/** A path as an archive may have it: absolute, with dots, out of the root. */
const path = fc.oneof(
  { weight: 12, arbitrary: plainPath },
  { weight: 1, arbitrary: plainPath.map((text) => `./${text}`) },
  { weight: 1, arbitrary: plainPath.map((text) => `/${text}`) },
  { weight: 1, arbitrary: plainPath.map((text) => `../../${text}`) },
  { weight: 1, arbitrary: fc.tuple(plainPath, plainPath).map(([one, two]) => `${one}/../${two}`) },
  { weight: 1, arbitrary: plainPath.map((text) => text.replaceAll('/', '//./')) },
);

/** Where symbolic links lead: beside, up and out, to the root, through each other, nowhere, round and round. */
const linkTarget = fc.oneof(
  { weight: 6, arbitrary: plainPath },
  { weight: 2, arbitrary: plainPath.map((text) => `/${text}`) },
  { weight: 2, arbitrary: plainPath.map((text) => `../${text}`) },
  { weight: 1, arbitrary: fc.constantFrom('.', '..', '/', '../../../..', '/nowhere/at/all', `/${'long/'.repeat(40)}end`) },
);

const attributes = fc.record({
  mode: fc.constantFrom(0o755, 0o644, 0o700, 0o2775, 0o4711, 0o1777, 0),
  uid: fc.constantFrom(0, 0, 1000, 3_000_000, 4_294_967_294),
  gid: fc.constantFrom(0, 0, 50, 2_097_152),
  mtime: fc.oneof(fc.integer({ min: -100_000, max: 1000 }), fc.constantFrom(2 ** 33, 2 ** 31, 0)),
  fraction: fc.constantFrom('', '', '.5', '.000000001', '.123456789'),
  xattr: fc.constantFrom('', '', '', '1', '\0\xff\n=', 'x'.repeat(300)),
});

interface Shape {
  readonly path: string;
  readonly type: string;
  readonly link?: string;
  readonly body?: string;
  readonly major?: number;
  readonly minor?: number;
}

const shape: fc.Arbitrary<Shape> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ path, type: fc.constantFrom('0', '0', '0', '7'), body: fc.string({ maxLength: 700 }) }),
  },
  { weight: 10, arbitrary: fc.record({ path: path.map((text) => `${text}/`), type: fc.constant('5') }) },
  { weight: 5, arbitrary: fc.record({ path, type: fc.constant('2'), link: linkTarget }) },
  { weight: 6, arbitrary: fc.record({ path, type: fc.constant('1'), link: path }) },
  { weight: 2, arbitrary: fc.record({ path, type: fc.constantFrom('3', '4'), major: fc.nat(4095), minor: fc.nat(1_048_575) }) },
  { weight: 1, arbitrary: fc.record({ path, type: fc.constant('6') }) },
  { weight: 8, arbitrary: path.map((text) => ({ path: text.replace(/([^/]+)$/, '.wh.$1'), type: '0' })) },
  { weight: 2, arbitrary: path.map((text) => ({ path: `${text}/.wh..wh..opq`, type: '0' })) },
  { weight: 1, arbitrary: fc.constantFrom('./', '/', 'a/..').map((text) => ({ path: text, type: '5' })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('.wh..wh..opq', '.wh..wh.plnk/x', '.wh..wh.aufs', 'a/.wh..wh.orph/b')
      .map((text) => ({ path: text, type: '0' })),
  },
);

const longName = fc.constantFrom<'pax' | 'gnu'>('pax', 'gnu');

/** An entry in a form that a failing test prints well. */
export interface GeneratedEntry extends Shape {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly fraction: string;
  readonly xattr: string;
  readonly longName: 'pax' | 'gnu';
}

const entry: fc.Arbitrary<GeneratedEntry> = fc
  .tuple(shape, attributes, longName)
  .map(([what, how, form]) => ({ ...what, ...how, longName: form }));

/** Layers, lowest first. */
export const layerStack = fc.array(fc.array(entry, { maxLength: 14 }), { minLength: 1, maxLength: 4 });

export function archiveOf(entries: readonly GeneratedEntry[]): Buffer {
  return Buffer.concat([...entries.map(bytesOf), Buffer.alloc(1024)]);
}

function bytesOf({
  path: name,
  link = '',
  body,
  major,
  minor,
  fraction,
  xattr,
  longName: form,
  ...rest
}: GeneratedEntry): Buffer {
  const isGnu = form === 'gnu' && fraction === '' && xattr === '';
  const [longPath, longLink] = [name.length > 100, link.length > 100];
  const pax: Record<string, Buffer> = {};
  if (fraction !== '') pax['mtime'] = latin1(`${rest.mtime}${fraction}`);
  if (xattr !== '') pax['SCHILY.xattr.trusted.x'] = latin1(xattr);
  if (longPath && !isGnu) pax['path'] = latin1(name);
  if (longLink && !isGnu) pax['linkpath'] = latin1(link);
  const before = [...(longPath && isGnu ? [gnuLong('L', name)] : []), ...(longLink && isGnu ? [gnuLong('K', link)] : [])];
  const described: TarEntryText = {
    ...rest,
    name: latin1(name),
    link: latin1(link),
    format: isGnu ? 'gnu' : 'ustar',
    ...(body === undefined ? {} : { body: latin1(body) }),
    ...(major === undefined ? {} : { major, minor: minor ?? 0 }),
    ...(Object.keys(pax).length > 0 ? { pax } : {}),
  };
  return unended(...before, described);
}

function gnuLong(type: 'L' | 'K', text: string): TarEntryText {
  return { name: '././@LongLink', type, format: 'gnu', body: latin1(`${text}\0`) };
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
