import type { ErrorKind } from '@slipway/plugin-api';
import { gnuLong, paxHeader, type TarPart, tar, tarEntry, tarNumber, unended } from '../tar-bytes.js';

/** A layer over the base that must be refused. */
export interface RefusalCase {
  readonly name: string;
  readonly layer: Buffer;
  readonly kind: ErrorKind;
  /** What the message must quote. */
  readonly names?: readonly string[];
}

const refused = (name: string, layer: Buffer | readonly TarPart[], rest: Partial<RefusalCase> = {}): RefusalCase => ({
  name,
  layer: Buffer.isBuffer(layer) ? layer : tar(...(layer as readonly TarPart[])),
  kind: 'invalid-argument',
  ...rest,
});

const hardLink = (what: string, name: string, link: string): RefusalCase =>
  refused(`a hard link to a target ${what}`, [{ name, type: '1', link }], { names: [`"${name}"`, `"${link}"`] });

const truncated = (what: string, layer: Buffer): RefusalCase => refused(`a layer cut ${what}`, layer, { kind: 'data-loss' });

const sized = (what: string, size: number): RefusalCase =>
  refused(`a size that is ${what}`, [{ name: 'sized', patch: (block) => tarNumber(block, 124, 12, size) }], {
    names: ['"sized"'],
  });

const limited = { kind: 'resource-exhausted' } as const;
const whole = unended({ name: 'cut', body: 'y'.repeat(2000) }, { name: 'z' });

/** What is wrong with a layer, and the kind of the error that says so. */
export const refusalCases: readonly RefusalCase[] = [
  hardLink('outside the root', 'stolen', '../../host/canary'),
  hardLink('that is missing', 'x', 'nothing'),
  hardLink('under a missing parent', 'x', 'nothing/file'),
  hardLink('that is a directory', 'x', 'dir'),
  hardLink('that is the root', 'x', '/'),
  hardLink('that is itself', 'file', 'file'),
  hardLink('that is itself by another name', 'dir/low', './dir//low'),
  hardLink('in a directory that it replaces', 'dir', 'dir/sub/deep'),
  refused(
    'endless links in a path',
    [{ name: 'a', type: '2', link: 'b' }, { name: 'b', type: '2', link: 'a' }, { name: 'a/in' }],
    {
      names: ['"a/in"'],
    },
  ),
  ...['.wh.', '.wh..', '.wh...', 'dir/.wh.', 'dir/.wh..'].map((name) =>
    refused(`the whiteout "${name}" of no name`, [{ name: 'before' }, { name }], { names: [`"${name}"`] }),
  ),
  refused('an entry below a whiteout', [{ name: '.wh.dir/x' }], { names: ['".wh.dir/x"'] }),
  ...['.', './', '..', 'dir/..'].map((name) =>
    refused(`a symbolic link in place of the root, "${name}"`, [{ name, type: '2', link: 'x' }]),
  ),
  refused('an empty name', [{ name: '' }]),
  refused('an empty name of a directory', [{ name: '', type: '5' }]),
  refused('a symbolic link with an empty target', [{ name: 'l', type: '2' }], { names: ['"l"'] }),
  refused('a NUL in a name', [{ name: 'x', pax: { path: 'a\0b' } }]),
  refused('a NUL in a link', [{ name: 'x', type: '2', link: 'y', pax: { linkpath: 'a\0b' } }]),
  refused('a name of 300 bytes', [{ name: 'x', pax: { path: 'n'.repeat(300) } }]),
  refused('a parent of 300 bytes', [{ name: 'x', pax: { path: `${'n'.repeat(300)}/in` } }]),
  ...['D', 'M', 'V', 'Z', '\xff'].map((type) =>
    refused(`an entry of type ${JSON.stringify(type)}`, [{ name: 'odd', type }], { names: ['"odd"'] }),
  ),
  refused('the character device 0:0, which would hide a file', [{ name: 'file', type: '3' }], { names: ['"file"'] }),
  refused('an owner that means "unchanged"', [{ name: 'x', pax: { uid: '4294967295' } }]),
  refused('an owner below 0', [{ name: 'x', pax: { uid: '-1' } }]),
  sized('negative', -1),
  sized('over 2^53', 2 ** 60),
  refused('a wrong checksum', [{ name: 'ok' }, { name: 'x', checksum: 'wrong' }]),
  refused('what is no archive', Buffer.from('no tar at all '.repeat(100))),
  refused('a PAX header with no entry', [paxHeader({ path: 'y' })]),
  refused('an entry after a lone block of zeros', Buffer.concat([unended({ name: 'x' }), Buffer.alloc(512), tar({ name: 'y' })])),
  truncated('in its first header', whole.subarray(0, 100)),
  truncated('in a body', whole.subarray(0, 1500)),
  truncated('in a later header', whole.subarray(0, 2561)),
  truncated('in a PAX header', tarEntry({ name: 'x', pax: { path: 'y' } }).subarray(0, 600)),
  refused('a PAX header of a gigabyte', unended({ name: 'PaxHeaders/huge', type: 'x', size: 2 ** 30 }), limited),
  refused('a PAX header over 1 MiB', [{ name: 'x', pax: { comment: 'y'.repeat(1 << 20) } }], limited),
  refused('a GNU long name over 1 MiB', [gnuLong('L', 'y'.repeat(1 << 20)), { name: 'x' }], limited),
  refused('a path of 100,000 directories', [{ name: 'x', pax: { path: `${'d/'.repeat(100_000)}x` } }], limited),
];
