import { baseTree, directory, type Expected, file, type LayerCase, symlink } from './layer-case.js';

const also = (link: string): LayerCase => ({
  name: `a hard link to a lower file, written "${link}"`,
  layers: [[{ name: 'linked', type: '1', link }]],
  adds: { linked: { ...baseTree.file, sameAs: 'file' } },
  needsLower: true,
});

/** Hard links: one file of several names, also with one of a lower layer. */
export const linkCases: readonly LayerCase[] = [
  ...['file', '/file', './dir/../file', 'abs/../file'].map(also),
  {
    name: 'a hard link within the layer is one file',
    layers: [
      [
        { name: 'one', body: 'one', mode: 0o711, uid: 9 },
        { name: 'two', type: '1', link: 'one' },
        { name: 'd/three', type: '1', link: '/two' },
      ],
    ],
    adds: {
      d: { type: 'directory', mode: '755', owner: '0:0' },
      'd/three': file('one', { mode: '711', owner: '9:0' }),
      one: file('one', { mode: '711', owner: '9:0', sameAs: 'd/three' }),
      two: file('one', { mode: '711', owner: '9:0', sameAs: 'd/three' }),
    },
  },
  {
    name: 'a hard link with a size has no body',
    layers: [
      [
        { name: 'one', body: 'one' },
        { name: 'two', type: '1', link: 'one', size: 5 },
        { name: 'after', body: 'a' },
      ],
    ],
    adds: { one: file('one'), two: file('one', { sameAs: 'one' }), after: file('a') },
  },
  {
    name: 'a hard link to a file deep below leaves its parents as they were',
    layers: [[{ name: 'x', type: '1', link: 'dir/sub/deep' }]],
    adds: { x: { ...baseTree['dir/sub/deep'], sameAs: 'dir/sub/deep' } },
    needsLower: true,
  },
  {
    name: 'a hard link to a symbolic link links the link itself',
    layers: [
      [
        { name: 'own', type: '2', link: '/slipway-laws', mtime: 9 },
        { name: 'own2', type: '1', link: 'own' },
        { name: 'low2', type: '1', link: 'lnkdir' },
      ],
    ],
    adds: {
      own: symlink('/slipway-laws', { mtime: 9_000_000_000n }),
      own2: symlink('/slipway-laws', { mtime: 9_000_000_000n, sameAs: 'own' }),
      lnkdir: baseTree.lnkdir,
      low2: { ...baseTree.lnkdir, sameAs: 'lnkdir' },
    },
    needsLower: true,
  },
  {
    name: 'a hard link to a fifo and to a device of a lower layer',
    layers: [
      [
        { name: 'fifo', type: '6', mode: 0o620, uid: 1 },
        { name: 'dev', type: '3', major: 1, minor: 3, mode: 0o600 },
      ],
      [
        { name: 'fifo2', type: '1', link: 'fifo' },
        { name: 'dev2', type: '1', link: 'dev' },
      ],
    ],
    adds: {
      fifo: special('fifo', '620', '1:0'),
      fifo2: { ...special('fifo', '620', '1:0'), sameAs: 'fifo' },
      dev: { ...special('character', '600', '0:0'), device: 0x103n },
      dev2: { ...special('character', '600', '0:0'), device: 0x103n, sameAs: 'dev' },
    },
    needsLower: true,
  },
  {
    name: 'a hard link replaces a directory, and the first name may go afterwards',
    layers: [[{ name: 'dir', type: '1', link: 'file' }, { name: '.wh.file' }]],
    gone: ['dir', 'file'],
    adds: { dir: baseTree.file },
    needsLower: true,
  },
];

function special(type: string, mode: string, owner: string): Expected {
  return { ...directory(), type, mode, owner };
}
