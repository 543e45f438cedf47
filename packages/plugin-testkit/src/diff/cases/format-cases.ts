import { createHash } from 'node:crypto';
import { gnuLong, paxHeader, tar, unended } from '../tar-bytes.js';
import { directory, file, type LayerCase, symlink, unlisted } from './layer-case.js';

const longPath = `${'p'.repeat(120)}/${'q'.repeat(130)}`;
const target = 't'.repeat(300);
const large = Buffer.alloc(3_000_001, 'large file ');

const ending = (what: string, layer: Buffer, isEmpty = false): LayerCase => ({
  name: `an archive is read to its end: ${what}`,
  layers: [layer],
  adds: isEmpty ? {} : { x: file() },
});

/** Every way to write a header, and to end an archive. */
export const formatCases: readonly LayerCase[] = [
  {
    name: 'GNU long names and links',
    layers: [[gnuLong('L', longPath), gnuLong('K', target), { name: 'short', type: '2', link: 'short', format: 'gnu' }]],
    adds: { ['p'.repeat(120)]: unlisted, [longPath]: symlink(target) },
  },
  {
    name: 'ustar prefixes and v7 headers',
    layers: [
      [
        { name: 'base', prefix: 'some/prefix', body: 'p' },
        { name: 'old', format: 'v7', body: 'v7', type: '\0' },
        { name: 'olddir/', format: 'v7', type: '\0', mode: 0o755 },
      ],
    ],
    adds: { some: unlisted, 'some/prefix': unlisted, 'some/prefix/base': file('p'), old: file('v7'), olddir: directory() },
  },
  {
    name: 'PAX paths, links and sizes go over the header',
    layers: [
      [
        { name: 'x', body: 'long', pax: { path: longPath } },
        { name: 'l', type: '2', link: 'x', pax: { linkpath: target } },
        { name: 'sized', body: 'twelve bytes', size: 3, pax: { size: '12' } },
        { name: 'after', body: 'a' },
      ],
    ],
    adds: {
      ['p'.repeat(120)]: unlisted,
      [longPath]: file('long'),
      l: symlink(target),
      sized: file('twelve bytes'),
      after: file('a'),
    },
  },
  {
    name: 'a PAX global header is ignored',
    layers: [[paxHeader({ comment: 'x'.repeat(600), path: 'y' }, 'g'), { name: 'x', body: 'x' }]],
    adds: { x: file('x') },
  },
  {
    name: 'a contiguous file is a file',
    layers: [[{ name: 'seven', type: '7', body: 'contiguous' }]],
    adds: { seven: file('contiguous') },
  },
  {
    name: 'a signed checksum is right',
    layers: [[{ name: Buffer.from([0xe9]), checksum: 'signed' }]],
    adds: { '\xe9': file() },
  },
  {
    name: 'fifos, character and block devices',
    layers: [
      [
        { name: 'fifo', type: '6', mtime: 4 },
        { name: 'null', type: '3', major: 1, minor: 3, mode: 0o666, uid: 1 },
        { name: 'disk', type: '4', major: 8, minor: 1, mode: 0o660, gid: 6 },
      ],
    ],
    adds: {
      fifo: directory({ type: 'fifo', mode: '644', mtime: 4_000_000_000n }),
      null: directory({ type: 'character', mode: '666', owner: '1:0', device: 0x103n }),
      disk: directory({ type: 'block', mode: '660', owner: '0:6', device: 0x801n }),
    },
  },
  {
    name: 'content of many blocks is exact',
    layers: [[{ name: 'large', body: large }, { name: 'empty' }, { name: 'after', body: 'a' }]],
    adds: {
      large: file(`${large.length} ${createHash('sha256').update(large).digest('hex')}`),
      empty: file(),
      after: file('a'),
    },
  },
  ending('no end blocks', unended({ name: 'x' })),
  ending('one end block', Buffer.concat([unended({ name: 'x' }), Buffer.alloc(512)])),
  ending('bytes behind it', Buffer.concat([tar({ name: 'x' }), Buffer.from('garbage'.repeat(100))])),
  ending('another archive behind it', Buffer.concat([tar({ name: 'x' }), tar({ name: 'y' })])),
  ending('no bytes at all', Buffer.alloc(0), true),
  ending('1,024 zeros', Buffer.alloc(1024), true),
];
