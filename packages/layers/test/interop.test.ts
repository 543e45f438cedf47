import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { linux } from '@slipway/linux';
import { describe, expect, test } from 'vitest';
import { addSparseFiles, everything, makeOddTree, type TreeFeatures, wholeSeconds } from './odd-tree.js';
import { Stack } from './stack.js';
import { entry, record, tar } from './tar-builder.js';
import { type Listed, list } from './tree-listing.js';
import { compared, type WholeTree, wholeTree } from './tree-pair.js';

// Of what is made below, in every place the same.
process.umask(0o022);

const environment = { ...process.env, LC_ALL: 'C.UTF-8' };

class Workshop implements Disposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-interop-'));
  readonly source = this.directory('source');
  readonly archive = path.join(this.folder, 'archive.tar');

  directory(name: string): string {
    const directory = path.join(this.folder, name);
    mkdirSync(directory, { mode: 0o755 });
    return directory;
  }

  run(command: string, ...args: string[]): Buffer {
    return execFileSync(command, args, {
      cwd: this.folder,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 2 ** 28,
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const python = `
import sys, tarfile
kind, archive, source = sys.argv[1:]
if kind == 'extract':
    with tarfile.open(fileobj=sys.stdin.buffer, mode='r|') as tar: tar.extractall(source, numeric_owner=True)
else:
    formats = {'ustar': tarfile.USTAR_FORMAT, 'gnu': tarfile.GNU_FORMAT, 'pax': tarfile.PAX_FORMAT}
    with tarfile.open(archive, 'w', format=formats[kind]) as tar: tar.add(source, '.')
`;

interface Program {
  readonly name: string;
  readonly features: TreeFeatures;
  /** It keeps whole seconds, and rounds. */
  readonly wholeSeconds?: boolean;
  readonly sparse?: boolean;
  readonly make: (shop: Workshop) => void;
}

const old = { ...everything, nanoseconds: false, beforeEpoch: false, xattrs: false };
const small = { ...old, longNames: false, bytes: false, largeIds: false };
const gnu = (format: string, features: TreeFeatures, ...options: string[]): Program => ({
  name: `GNU tar --format=${format} ${options.join(' ')}`,
  features,
  wholeSeconds: !features.nanoseconds,
  make: (shop) => void shop.run('tar', `--format=${format}`, ...options, '-cf', shop.archive, '-C', shop.source, '.'),
});
const bsd = (format: string, features: TreeFeatures): Program => ({
  name: `bsdtar --format=${format}`,
  features,
  wholeSeconds: !features.nanoseconds,
  make: (shop) => void shop.run('bsdtar', `--format=${format}`, '--xattrs', '-cf', shop.archive, '-C', shop.source, '.'),
});
const pythons = (format: string, features: TreeFeatures): Program => ({
  name: `Python tarfile, ${format}`,
  features,
  wholeSeconds: !features.nanoseconds,
  make: (shop) => void shop.run('python3', '-c', python, format, shop.archive, shop.source),
});

const programs: Program[] = [
  gnu('oldgnu', old),
  gnu('gnu', { ...old, beforeEpoch: true }),
  gnu('posix', everything, '--xattrs', '--xattrs-include=*'),
  { ...gnu('posix', everything, '--xattrs', '--xattrs-include=*', '--sparse', '--numeric-owner'), sparse: true },
  bsd('ustar', small),
  bsd('gnutar', { ...old }),
  // Of -1.5 seconds it makes "-2.5", which only it takes for the same.
  bsd('pax', { ...everything, beforeEpoch: false }),
  pythons('ustar', small),
  pythons('gnu', { ...old, beforeEpoch: true }),
  pythons('pax', { ...old }),
  {
    name: 'busybox tar',
    features: { ...small, longNames: true },
    wholeSeconds: true,
    make: (shop) => void shop.run('busybox', 'tar', '-cf', shop.archive, '-C', shop.source, '.'),
  },
];

describe('an archive of', () => {
  test.each(programs.map((program) => [program.name, program] as const))(
    '%s is the tree that it was made of',
    async (_, program) => {
      using shop = new Workshop();
      makeOddTree(shop.source, program.features);
      if (program.sparse) addSparseFiles(shop.source);
      if (program.wholeSeconds) wholeSeconds(shop.source);
      program.make(shop);
      using stack = new Stack();
      await stack.applyDirectory(readFileSync(shop.archive), { chunk: 4097 });
      expect(wholeTree(stack.directory)).toEqual(wholeTree(shop.source));
    },
  );

  test('umoci, with the archive/tar of Go, is the tree that it was made of', async () => {
    using shop = new Workshop();
    makeOddTree(shop.source, { ...everything, bytes: false });
    wholeSeconds(shop.source);
    // What it leaves out: fractions of a second, and attributes without a value.
    linux.lremovexattr(`${shop.source}/dir`, 'user.empty');
    const layout = path.join(shop.folder, 'layout');
    shop.run('umoci', 'init', '--layout', layout);
    shop.run('umoci', 'new', '--image', `${layout}:test`);
    shop.run('umoci', 'insert', '--image', `${layout}:test`, shop.source, '/');
    const layers = readdirSync(path.join(layout, 'blobs/sha256'))
      .map((name) => readFileSync(path.join(layout, 'blobs/sha256', name)))
      .filter((bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b);
    expect(layers).toHaveLength(1);
    using stack = new Stack();
    await stack.apply(gunzipSync(layers[0] ?? Buffer.alloc(0)));
    const { '.': _root, ...found } = stack.listDirectory();
    const { '.': _source, ...expected } = list(shop.source);
    expect(found).toEqual(expected);
    expect(stack.listOverlay()).toEqual(stack.listDirectory());
  });
});

test('records as Go writes them are read: sorted, with times that nothing here keeps', async () => {
  const pax = {
    'SCHILY.xattr.user.x': 'x',
    atime: '1700000000.5',
    ctime: '1700000000.25',
    gid: '3000000',
    linkpath: '',
    mtime: '1700000000.123456789',
    path: `${'long/'.repeat(30)}\u00e9`,
    uid: '3000001',
    'LIBARCHIVE.creationtime': '1',
  };
  const body = Buffer.concat(Object.entries(pax).map(([key, value]) => record(key, value)));
  using stack = new Stack();
  await stack.apply(
    tar(entry({ name: `PaxHeaders.0/${'e'.repeat(80)}`, type: 'x', mode: 0, mtime: 0, body }), {
      name: 'cut',
      body: 'x',
      mtime: 0,
      patch: (header) => header.fill(0, 265, 345),
    }),
  );
  const path = `${'long/'.repeat(30)}\xc3\xa9`;
  expect(stack.listDirectory()[path]).toMatchObject({ owner: '3000001:3000000', mtimeNs: 1_700_000_000_123_456_789n });
  expect(stack.listOverlay()).toEqual(stack.listDirectory());
});

describe('a layer that is made here', () => {
  const withoutWhat = (forgets: Reader['forgets'], item: Listed): unknown => {
    if (forgets !== 'nothing' && item.type === 'symlink') return { ...item, owner: undefined, mtimeNs: undefined };
    return forgets === 'directories and links' && item.type === 'directory' ? { ...item, mtimeNs: undefined } : item;
  };
  interface Reader {
    readonly name: string;
    readonly features: TreeFeatures;
    readonly command: readonly [string, ...string[]];
    /** What it does not give times and owners to; of the root, none but GNU tar does. */
    readonly forgets: 'nothing' | 'links' | 'directories and links';
  }
  const readers: Reader[] = [
    {
      name: 'GNU tar',
      features: everything,
      command: ['tar', '--xattrs', '--xattrs-include=*', '-xp', '-C'],
      forgets: 'nothing',
    },
    {
      name: 'bsdtar',
      features: { ...everything, beforeEpoch: false },
      command: ['bsdtar', '--xattrs', '-xp', '-C'],
      forgets: 'nothing',
    },
    { name: 'Python tarfile', features: { ...old }, command: ['python3', '-c', python, 'extract', '-'], forgets: 'links' },
    {
      name: 'busybox tar',
      features: small,
      command: ['busybox', 'tar', '-xp', '-C'],
      forgets: 'directories and links',
    },
  ];

  test.each(readers.map((reader) => [reader.name, reader] as const))('is extracted by %s as it was', (_, reader) => {
    using shop = new Workshop();
    makeOddTree(shop.source, reader.features);
    if (!reader.features.nanoseconds) wholeSeconds(shop.source);
    const extracted = shop.directory('extracted');
    const [command, ...args] = reader.command;
    execFileSync(command, [...args, extracted], {
      input: compared([], [{ format: 'directory', path: shop.source }]),
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const remembered = ({ listing: { '.': _root, ...listing }, links }: WholeTree): unknown => ({
      links,
      listing: Object.entries(listing).map(([name, item]) => [name, withoutWhat(reader.forgets, item)]),
    });
    expect(remembered(wholeTree(extracted))).toEqual(remembered(wholeTree(shop.source)));
  });

  test('is listed by each of them, every name', () => {
    using shop = new Workshop();
    makeOddTree(shop.source, everything);
    const layer = compared([], [{ format: 'directory', path: shop.source }]);
    const listing = execFileSync('tar', ['-tf', '-', '--quoting-style=literal', '--show-transformed-names'], {
      input: layer,
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    expect(listing.toString('latin1').split('\n')).toContain('\xff-\xe9');
    const counts = [
      ['tar', '-tf', '-', '--quoting-style=escape'],
      ['bsdtar', '-tf', '-'],
      ['python3', '-c', "import tarfile,sys\nfor m in tarfile.open(fileobj=sys.stdin.buffer, mode='r|'): print(ascii(m.name))"],
    ].map(([command = '', ...args]) => {
      const lines = execFileSync(command, args, { input: layer, env: environment }).toString('latin1').trimEnd().split('\n');
      return lines.length;
    });
    expect(new Set(counts).size).toBe(1);
  });

  test('is the same for ever', () => {
    using shop = new Workshop();
    makeOddTree(shop.source, everything);
    wholeSeconds(shop.source);
    const layer = compared([], [{ format: 'directory', path: shop.source }]);
    // Whoever changes this changes the digests of all layers that are made from now on.
    expect(createHash('sha256').update(layer).digest('hex')).toBe(
      'e1109c18cdfc91e0cd9e5f411f61be578a5e56417a765a96b52cfb52a04a2b16',
    );
  });
});
