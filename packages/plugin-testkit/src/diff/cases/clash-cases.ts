import type { TarEntryText } from '../tar-bytes.js';
import { directory, type Expected, file, type LayerCase, symlink, unlisted } from './layer-case.js';

/** The new one is there, and nothing of the old. */
const over = (what: string, entry: TarEntryText, name: string, expected: Expected): LayerCase => ({
  name: `a ${what}`,
  layers: [[entry]],
  gone: [name],
  adds: { [name]: expected },
});

/** Names that are taken. */
export const clashCases: readonly LayerCase[] = [
  {
    name: 'a directory over a directory replaces its attributes and keeps its children',
    layers: [[{ name: 'dir/', type: '5', mode: 0o1777, uid: 9, gid: 10, mtime: 77, pax: { 'SCHILY.xattr.user.new': 'n' } }]],
    adds: { dir: directory({ mode: '1777', owner: '9:10', mtime: 77_000_000_000n, xattrs: { 'user.new': 'n' } }) },
  },
  over('directory over a file', { name: 'file/', type: '5' }, 'file', directory()),
  over('file over a full directory', { name: 'dir', body: 'x' }, 'dir', file('x')),
  over('file over a symbolic link', { name: 'abs', body: 'x' }, 'abs', file('x')),
  over('file over a file, which has other attributes', { name: 'file', body: 'x' }, 'file', file('x')),
  over('symbolic link over a directory', { name: 'dir', type: '2', link: 'x' }, 'dir', symlink('x')),
  over('directory over a symbolic link to a directory', { name: 'lnkdir/', type: '5' }, 'lnkdir', directory()),
  over('fifo over a directory', { name: 'dir', type: '6' }, 'dir', directory({ type: 'fifo', mode: '644' })),
  {
    name: 'a file that is a parent becomes a directory',
    layers: [[{ name: 'file/in', body: 'i' }]],
    adds: { file: unlisted, 'file/in': file('i') },
  },
  {
    name: 'a parent that the layer does not mention keeps its attributes',
    layers: [[{ name: 'keep/in' }, { name: 'dir/sub/in' }, { name: 'slipway-laws/new' }]],
    adds: { 'keep/in': file(), 'dir/sub/in': file(), 'slipway-laws/new': file() },
  },
  {
    name: 'a missing parent is 0755 root',
    layers: [[{ name: 'p/q/r/file', uid: 5 }]],
    adds: { p: unlisted, 'p/q': unlisted, 'p/q/r': unlisted, 'p/q/r/file': file('', { owner: '5:0' }) },
  },
  {
    name: 'of two entries of one name the last one counts',
    layers: [
      [
        { name: 'twice', body: 'first' },
        { name: 'twice', body: 'second' },
        { name: 'd/', type: '5', mode: 0o700 },
        { name: 'd/x' },
        { name: 'd/', type: '5', mode: 0o711 },
        { name: 'e/x' },
        { name: 'e', body: 'file' },
      ],
    ],
    adds: { twice: file('second'), d: directory({ mode: '711' }), 'd/x': file(), e: file('file') },
  },
];
