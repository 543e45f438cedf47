import { directory, file, type LayerCase, symlink, unlisted } from './layer-case.js';

const odd = Buffer.from([0x61, 0xff, 0x0a, 0x1b, 0xc3, 0x28]);
const oddName = odd.toString('latin1');
const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

/** Where an entry's name leads. */
export const nameCases: readonly LayerCase[] = [
  {
    name: 'dot-dot and a leading slash end at the root',
    layers: [
      [
        { name: '../esc' },
        { name: 'a/../../b' },
        { name: '/slipway-laws-top' },
        { name: '/../../over' },
        { name: '../../host/canary' },
      ],
    ],
    adds: { esc: file(), b: file(), 'slipway-laws-top': file(), over: file(), host: unlisted, 'host/canary': file() },
  },
  {
    name: 'an absolute link of the layer leads inside the root',
    layers: [
      [
        { name: 'out', type: '2', link: '/slipway-laws-out' },
        { name: 'out/pwn', body: 'x' },
      ],
    ],
    adds: { out: symlink('/slipway-laws-out'), 'slipway-laws-out': unlisted, 'slipway-laws-out/pwn': file('x') },
  },
  {
    name: 'a link of the layer over the root leads inside the root',
    layers: [
      [
        { name: 'out', type: '2', link: '../../host' },
        { name: 'out/canary', body: 'x' },
      ],
    ],
    adds: { out: symlink('../../host'), host: unlisted, 'host/canary': file('x') },
  },
  {
    name: 'links of lower layers are followed in a path, and stay',
    layers: [
      [
        { name: 'abs/new', body: 'n' },
        { name: 'lnkdir/more', body: 'm' },
        { name: 'lnkdir/sub/in', body: 'i' },
      ],
    ],
    adds: { 'slipway-laws/new': file('n'), 'dir/more': file('m'), 'dir/sub/in': file('i') },
    needsLower: true,
  },
  {
    name: 'a chain of links with dot-dot is resolved against the merged view',
    layers: [[{ name: 'dir/sub/up', type: '2', link: '../../abs/../../../keep' }], [{ name: 'lnkdir/sub/up/in' }]],
    adds: { 'dir/sub/up': symlink('../../abs/../../../keep'), 'keep/in': file() },
    needsLower: true,
  },
  {
    name: 'a link that was followed and then replaced is not followed any more',
    layers: [
      [
        { name: 'l', type: '2', link: 'first' },
        { name: 'l/one' },
        { name: 'l', type: '2', link: 'second' },
        { name: 'l/two' },
        { name: 'l/', type: '5' },
        { name: 'l/three' },
      ],
    ],
    adds: { first: unlisted, 'first/one': file(), second: unlisted, 'second/two': file(), l: directory(), 'l/three': file() },
  },
  {
    name: 'bytes that are no UTF-8, case and normalisation are kept',
    layers: [
      [
        { name: odd, body: 'odd' },
        { name: Buffer.concat([odd, Buffer.from('d/')]), type: '5' },
        { name: 'x', pax: { path: Buffer.concat([odd, Buffer.from('d/'), odd]) } },
        { name: 'to', type: '2', link: odd },
        { name: 'Case' },
        { name: 'case' },
        { name: 'e\u0301' },
        { name: '\u00e9' },
      ],
    ],
    adds: {
      [oddName]: file('odd'),
      [`${oddName}d`]: directory(),
      [`${oddName}d/${oddName}`]: file(),
      to: symlink(oddName),
      Case: file(),
      case: file(),
      [latin1('e\u0301')]: file(),
      [latin1('\u00e9')]: file(),
    },
  },
  {
    name: 'a name of 255 bytes and a path of 1,000 are kept',
    layers: [
      [
        { name: 'x', pax: { path: 'n'.repeat(255) } },
        { name: 'x', pax: { path: `${`${'p'.repeat(250)}/`.repeat(4)}leaf` } },
      ],
    ],
    adds: {
      ['n'.repeat(255)]: file(),
      ...Object.fromEntries([1, 2, 3, 4].map((depth) => [Array<string>(depth).fill('p'.repeat(250)).join('/'), unlisted])),
      [`${`${'p'.repeat(250)}/`.repeat(4)}leaf`]: file(),
    },
  },
];
