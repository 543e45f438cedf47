import type { TarEntryText } from '../tar-bytes.js';
import { baseTree, directory, file, type LayerCase, unlisted } from './layer-case.js';

const hiding = (what: string, marker: string, gone: string, needsLower = false): LayerCase => ({
  name: `a whiteout of a ${what}`,
  layers: [[{ name: marker }]],
  gone: [gone],
  needsLower,
});

/** What comes anew under the name of a directory that the same layer hides has nothing of the old one. */
const anew = (order: string, layer: readonly TarEntryText[]): LayerCase => ({
  name: `a whiteout of a directory that comes anew: ${order}`,
  layers: [layer],
  gone: ['dir'],
  adds: { dir: layer.some(({ name }) => name === 'dir/') ? directory() : unlisted, 'dir/n': file() },
});

const opaque = (order: string, layer: readonly TarEntryText[]): LayerCase => ({
  name: `an opaque directory keeps only what its layer adds: marker ${order}`,
  layers: [layer],
  gone: ['dir/low', 'dir/sub'],
  adds: { 'dir/n': file() },
});

const listed: TarEntryText = { name: 'dir/', type: '5' };
const child: TarEntryText = { name: 'dir/n' };
const hidden: TarEntryText = { name: '.wh.dir' };
const opaqueMarker: TarEntryText = { name: 'dir/.wh..wh..opq' };

/** Whiteouts hide what lower layers have, and nothing else. */
export const whiteoutCases: readonly LayerCase[] = [
  hiding('file', '.wh.file', 'file'),
  hiding('directory', '.wh.dir', 'dir'),
  hiding('symbolic link', '.wh.lnkdir', 'lnkdir'),
  hiding('file below', 'dir/sub/.wh.deep', 'dir/sub/deep'),
  hiding('file through a link', 'abs/.wh.passwd', 'slipway-laws/passwd', true),
  {
    name: 'a whiteout of what is not there leaves nothing',
    layers: [[{ name: '.wh.nothing' }, { name: 'missing/.wh.x' }, { name: 'file/.wh.x' }, { name: 'dir/.wh.nothing' }]],
  },
  {
    name: 'a whiteout with a body or as a directory is a whiteout',
    layers: [[{ name: '.wh.file', body: 'x'.repeat(3000) }, { name: '.wh.dir/', type: '5' }, { name: 'ok' }]],
    gone: ['file', 'dir'],
    adds: { ok: file() },
  },
  {
    name: 'a whiteout never hides what its own layer adds, before or after it',
    layers: [
      [
        { name: 'slipway-laws/new' },
        { name: 'slipway-laws/.wh.new' },
        { name: 'slipway-laws/.wh.passwd' },
        { name: 'slipway-laws/passwd', body: 'new' },
        { name: 'file', body: 'new' },
        { name: '.wh.file' },
      ],
    ],
    adds: { 'slipway-laws/new': file(), 'slipway-laws/passwd': file('new'), file: file('new') },
  },
  {
    name: 'a file that was hidden may come back in a later layer',
    layers: [[{ name: 'slipway-laws/.wh.passwd' }], [{ name: 'slipway-laws/passwd', body: 'again' }]],
    adds: { 'slipway-laws/passwd': file('again') },
  },
  anew('hidden first', [hidden, listed, child]),
  anew('hidden in the middle', [listed, hidden, child]),
  anew('hidden last', [listed, child, hidden]),
  anew('hidden first, not listed', [hidden, child]),
  anew('hidden last, not listed', [child, hidden]),
  anew('hidden after whiteouts in it', [child, { name: 'dir/.wh.low' }, { name: 'dir/sub/.wh.deep' }, hidden]),
  anew('hidden after an opaque marker in it', [opaqueMarker, child, hidden]),
  opaque('before', [opaqueMarker, child]),
  opaque('after', [child, opaqueMarker]),
  opaque('after a whiteout in it', [{ name: 'dir/.wh.low' }, child, opaqueMarker]),
  {
    name: 'an opaque marker hides also what unlisted directories of the layer stand for',
    layers: [[{ name: 'dir/sub/n' }, opaqueMarker]],
    gone: ['dir/low', 'dir/sub'],
    adds: { 'dir/sub': unlisted, 'dir/sub/n': file() },
  },
  {
    name: 'an opaque marker at the root hides everything below',
    layers: [[{ name: './.wh..wh..opq' }, child]],
    gone: ['slipway-laws', 'dir', 'lnkdir', 'abs', 'file', 'keep'],
    adds: { dir: unlisted, 'dir/n': file() },
  },
  {
    name: 'a layer over whiteouts and opaque directories sees what is left',
    layers: [
      [{ name: '.wh.keep' }, opaqueMarker, { name: 'slipway-laws/.wh.passwd' }],
      [{ name: 'keep/in' }, { name: 'dir/sub/x' }, { name: 'slipway-laws/.wh.passwd' }, { name: '.wh.file' }],
    ],
    gone: ['keep', 'dir/low', 'dir/sub', 'slipway-laws/passwd', 'file'],
    adds: { keep: unlisted, 'keep/in': file(), 'dir/sub': unlisted, 'dir/sub/x': file() },
  },
  {
    name: 'a directory over a hidden one has nothing of it',
    layers: [[{ name: 'dir', body: 'x' }], [listed, child]],
    gone: ['dir'],
    adds: { dir: directory(), 'dir/n': file() },
  },
  {
    name: 'files of AUFS itself are skipped',
    layers: [
      [
        { name: '.wh..wh.plnk/', type: '5' },
        { name: '.wh..wh.plnk/12.34', body: 'x' },
        { name: '.wh..wh.aufs', body: 'y' },
        { name: 'dir/.wh..wh.orph/', type: '5' },
      ],
    ],
    adds: { dir: baseTree.dir },
  },
];
