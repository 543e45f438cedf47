import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type LayerLimits, TarReader } from '@slipway/layers';
import { isSlipwayError } from '@slipway/plugin-api';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stack } from './stack.js';
import { entry, long, padded, record, tar } from './tar-builder.js';
import { list } from './tree-listing.js';

interface ReadEntry {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly content: string;
}

function read(archive: Buffer, chunk = archive.length || 1, limits?: LayerLimits): ReadEntry[] {
  const entries: ReadEntry[] = [];
  let content = Buffer.alloc(0);
  let current: Omit<ReadEntry, 'content'> | undefined;
  const finish = (): void => {
    if (current) entries.push({ ...current, content: content.toString('latin1') });
    current = undefined;
  };
  const reader = new TarReader(
    {
      entry: ({ path: name, type, size }) => {
        finish();
        current = { path: name, type, size };
        content = Buffer.alloc(Math.min(size, 1 << 20));
      },
      data: (bytes, start, end, position) => {
        content.set(bytes.subarray(start, end), position);
      },
      fileEnd: finish,
    },
    limits,
  );
  for (let at = 0; at < archive.length; at += chunk) reader.push(archive.subarray(at, at + chunk));
  reader.end();
  finish();
  return entries;
}

describe('archives of GNU tar', () => {
  let folder: string;
  let source: string;

  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-gnutar-'));
    source = path.join(folder, 'source');
    mkdirSync(path.join(source, 'dir/deep'), { recursive: true });
    writeFileSync(path.join(source, 'file'), 'content', { mode: 0o640 });
    writeFileSync(path.join(source, 'empty'), '');
    writeFileSync(path.join(source, 'block'), 'x'.repeat(512));
    writeFileSync(path.join(source, 'dir/deep/big'), Buffer.alloc(300_000, 'abc'));
    symlinkSync('../file', path.join(source, 'dir/link'));
    linkSync(path.join(source, 'file'), path.join(source, 'dir/hard'));
    execFileSync('mkfifo', [path.join(source, 'fifo')]);
    lutimesSync(path.join(source, 'file'), 1000, 1000);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const addLong = (): void => {
    const name = 'n'.repeat(120);
    writeFileSync(path.join(source, name), 'long');
    symlinkSync('t'.repeat(180), path.join(source, 'longlink'));
    mkdirSync(path.join(source, 'odd'));
    writeFileSync(Buffer.concat([Buffer.from(`${source}/odd/`), Buffer.from([0xff, 0x0a, 0xe9])]), 'odd');
    const sparse = openSync(path.join(source, 'sparse'), 'w');
    for (let hole = 0; hole < 40; hole++) writeSync(sparse, `data ${hole}`, hole * 1_000_000);
    ftruncateSync(sparse, 50_000_000);
    closeSync(sparse);
    const hollow = openSync(path.join(source, 'hollow'), 'w');
    ftruncateSync(hollow, 10_000_000);
    closeSync(hollow);
  };

  test.each([
    ['v7', ['--format=v7']],
    ['ustar', ['--format=ustar']],
    ['gnu', ['--format=gnu']],
    ['pax', ['--format=pax', '--xattrs']],
    ['gnu sparse', ['--format=gnu', '--sparse']],
    ['pax sparse 0.0', ['--format=pax', '--sparse', '--sparse-version=0.0']],
    ['pax sparse 0.1', ['--format=pax', '--sparse', '--sparse-version=0.1']],
    ['pax sparse 1.0', ['--format=pax', '--sparse', '--sparse-version=1.0']],
  ])(
    '%s: the tree is what tar itself makes',
    async (name, options) => {
      if (name === 'gnu') addLong();
      const archive = execFileSync('tar', [...options, '--exclude=./fifo', '-c', '-C', source, '.'], {
        maxBuffer: 2 ** 30,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const expected = path.join(folder, name);
      mkdirSync(expected);
      execFileSync('tar', ['--xattrs', '-xp', '-C', expected], { input: archive });
      using stack = new Stack();
      await stack.applyDirectory(archive);
      await stack.applyOverlay(archive, { chunk: 4097 });
      expect(stack.listDirectory()).toEqual(list(expected));
      expect(stack.listOverlay()).toEqual(list(expected));
      if (!name.includes('sparse')) return;
      // Holes stay holes.
      expect(archive.length).toBeLessThan(4_000_000);
      expect(statSync(path.join(stack.directory, 'hollow'))).toMatchObject({ size: 10_000_000, blocks: 0 });
      expect(statSync(path.join(stack.directory, 'sparse')).blocks).toBeLessThan(1000);
    },
    300_000,
  );
});

describe('the scanner', () => {
  const archive = tar(
    { name: 'one', body: 'x'.repeat(700) },
    long('L', 'l'.repeat(150)),
    { name: 'two', body: 'two' },
    { name: 'three', pax: { path: 'p'.repeat(700), mtime: '1.5' }, body: 'three' },
    { name: 'dir/', type: '5' },
  );

  test('gives the same whatever the chunks', () => {
    const whole = read(archive);
    expect(whole.map(({ path: name, content }) => [name, content.length])).toEqual([
      ['one', 700],
      ['l'.repeat(150), 3],
      ['p'.repeat(700), 5],
      ['dir/', 0],
    ]);
    for (const chunk of [1, 7, 511, 512, 513, 1024]) expect(read(archive, chunk)).toEqual(whole);
  });

  test('hands file content on in place', () => {
    const chunks = new Set<Uint8Array>();
    const reader = new TarReader({ entry: () => undefined, data: (bytes) => chunks.add(bytes), fileEnd: () => undefined });
    reader.push(archive);
    reader.end();
    expect([...chunks].map((chunk) => chunk.buffer)).toEqual([archive.buffer]);
  });

  test('reads what tar-stream writes', async () => {
    const packed = pack();
    const name = `${'deep/'.repeat(40)}name-\u00e9`;
    packed.entry({ name, mtime: new Date(1000) }, 'content');
    packed.entry({ name: 'big', uid: 3_000_000 }, 'x'.repeat(100_000));
    packed.finalize();
    const parts: Buffer[] = [];
    for await (const part of packed) parts.push(part as Buffer);
    expect(read(Buffer.concat(parts)).map((item) => [item.path, item.size])).toEqual([
      [Buffer.from(name).toString('latin1'), 7],
      ['big', 100_000],
    ]);
  });

  test('an empty PAX record says nothing, the last of two counts, GNU names win', () => {
    const twice = Buffer.concat([record('path', 'first'), record('path', 'second'), record('linkpath', '')]);
    const layer = tar(
      entry({ name: 'h', type: 'x', body: twice }),
      { name: 'x' },
      long('L', 'gnu'),
      { name: 'y', pax: { path: 'pax' } },
      { name: 'z', pax: { path: '' } },
    );
    expect(read(layer).map((item) => item.path)).toEqual(['second', 'gnu', 'z']);
  });

  test.each([
    ['no length', ' path=x\n'],
    ['a length that is no number', 'x2 path=x\n'],
    ['a length past the end', '99 path=x\n'],
    ['no line feed', '9 path=xy'],
    ['no equals sign', '7 path\n'],
    ['no key', '5 =x\n'],
    ['a NUL in the key', '11 pa\0th=x\n'],
    ['a negative size', record('size', '-1')],
    ['a size over 2^53', record('size', '9007199254740993')],
    ['a size in hexadecimal', record('size', '0x10')],
    ['a time that is none', record('mtime', 'yesterday')],
    ['an attribute without a name', record('SCHILY.xattr.', 'x')],
  ])('a PAX header with %s is an error', (_, body) => {
    expect(() => read(tar(entry({ name: 'h', type: 'x', body }), { name: 'x' }))).toThrow(
      expect.objectContaining({ kind: 'invalid-argument', code: 'LAYER_HEADER_INVALID' }),
    );
  });

  test.each([
    ['out of order', '1.0', '2\n512\n1\n0\n1\n'],
    ['past the size', '1.0', '1\n1000\n1\n'],
    ['of other bytes than stored', '1.0', '1\n0\n2\n'],
    ['that is no number', '1.0', 'x\n'],
    ['that never ends', '1.0', '99999\n'],
    ['with an offset alone', '0.1', '0,1,5'],
    ['out of order', '0.1', '5,1,0,0'],
  ])('a sparse map %s (%s) is an error', (_, version, map) => {
    const common = { 'GNU.sparse.name': 'sparse', 'GNU.sparse.realsize': '1000', 'GNU.sparse.size': '1000' };
    const layer =
      version === '1.0'
        ? tar({
            name: 'x',
            pax: { ...common, 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0' },
            body: Buffer.concat([padded(Buffer.from(map)), Buffer.from('x')]),
          })
        : tar({ name: 'x', pax: { ...common, 'GNU.sparse.map': map }, body: 'x' });
    expect(() => read(layer)).toThrow(expect.objectContaining({ kind: 'invalid-argument', code: 'LAYER_HEADER_INVALID' }));
  });

  test('a sparse map over the limit is an error', () => {
    const map = `${'99999\n'.repeat(2000)}`;
    const pax = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 's', 'GNU.sparse.realsize': '5' };
    const limits = { headerBytes: 2048, entries: 10, depth: 10, unpackedBytes: 1 << 20 };
    expect(() => read(tar({ name: 'x', pax, body: map }), 700, limits)).toThrow(
      expect.objectContaining({ code: 'LAYER_TOO_LARGE' }),
    );
  });
});

describe('damaged archives', () => {
  const archive = tar(
    { name: 'a/', type: '5' },
    { name: 'a/file', body: 'x'.repeat(1500) },
    { name: 'x', pax: { path: 'a/pax', 'SCHILY.xattr.user.x': Buffer.from([0, 255]) }, body: 'p' },
    long('L', 'a/long'),
    { name: 'y', body: 'y' },
    { name: 'l', type: '2', link: 'a' },
    { name: 'h', type: '1', link: 'a/file' },
    {
      name: 's',
      body: Buffer.concat([padded(Buffer.from('1\n5\n3\n')), Buffer.from('abc')]),
      pax: { 'GNU.sparse.major': '1', 'GNU.sparse.name': 's', 'GNU.sparse.realsize': '9' },
    },
    { name: '.wh.z' },
  );
  const limits = { headerBytes: 1 << 16, entries: 1000, depth: 64, unpackedBytes: 1 << 24 };

  const ends = (bytes: Buffer, chunk: number): void => {
    try {
      read(bytes, chunk, limits);
    } catch (error) {
      if (!isSlipwayError(error) || error.kind === 'internal') throw error;
    }
  };

  test('cut anywhere: an end or an error', () => {
    for (let length = 0; length < archive.length; length += 13) ends(archive.subarray(0, length), 512);
  });

  test('changed anywhere, also behind a right checksum: an end or an error', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 2000 }),
        (changes, mends, chunk) => {
          const bytes = Buffer.from(archive);
          for (const [at, value] of changes) bytes[at] = value;
          if (mends) for (let at = 0; at < bytes.length; at += 512) mendChecksum(bytes.subarray(at, at + 512));
          ends(bytes, chunk);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('applied to directories: an end or an error, and nothing outside', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        async (changes) => {
          const bytes = Buffer.from(archive);
          for (const [at, value] of changes) bytes[at] = value;
          for (let at = 0; at < bytes.length; at += 512) mendChecksum(bytes.subarray(at, at + 512));
          using stack = new Stack();
          for (const work of [stack.applyDirectory(bytes, { limits }), stack.applyOverlay(bytes, { limits })])
            await work.catch((error: unknown) => {
              if (!isSlipwayError(error) || error.kind === 'internal') throw error;
            });
          expect(readdirSync(stack.folder).filter((name) => !/^(merged|empty|empty\.erofs|layer0)$/.test(name))).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('any bytes at all: an end or an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.boolean(), (bytes, mends) => {
        const padded512 = padded(Buffer.from(bytes));
        if (mends) for (let at = 0; at < padded512.length; at += 512) mendChecksum(padded512.subarray(at, at + 512));
        ends(padded512, 600);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Makes any block a header with a right checksum, unless it is all zeros. */
function mendChecksum(block: Buffer): void {
  if (block.every((byte) => byte === 0)) return;
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
