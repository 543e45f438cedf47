import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { defaultLimits } from '@slipway/layers';
import { describe, expect, test } from 'vitest';
import { Stack } from './stack.js';
import { entry, padded, record, tar, unended } from './tar-builder.js';

/** Applies its standard input in a process of its own. Tells bytes in use once all names are there, over those before, and the most that it took. */
const child = `
  import { readFileSync } from 'node:fs';
  import { applyLayer } from '@slipway/layers';
  import { linux } from '@slipway/linux';
  const used = async () => {
    // What a first collection finds unreachable is given back by the next one.
    for (let round = 0; round < 3; round++) { gc(); await new Promise(setImmediate); }
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  let [before, after] = [await used(), 0];
  async function* source() {
    for await (const chunk of process.stdin) { yield chunk; }
    after = await used();
  }
  let outcome = 'applied';
  const [, path, format] = process.argv;
  await applyLayer(source(), { format, path, lower: [] }, { system: linux })
    .catch((error) => { outcome = error.code; });
  const most = /^VmHWM:\\s*(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1] / 1024;
  console.log(JSON.stringify({ outcome, most, kept: after - before }));
  process.exit();
`;

async function apply(
  pieces: Iterable<Buffer>,
  format: 'directory' | 'erofs',
): Promise<{ outcome: string; most: number; kept: number }> {
  using stack = new Stack();
  const target = format === 'erofs' ? path.join(stack.folder, 'layer.erofs') : stack.directory;
  const applying = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', child, target, format], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // A layer that is refused is not read to its end.
  const feeding = pipeline(Readable.from(pieces), applying.stdin).catch(() => undefined);
  const [answer] = await Promise.all([text(applying.stdout), feeding, once(applying, 'close')]);
  return JSON.parse(answer);
}

function* repeated(count: number, piece: (index: number) => Buffer): Iterable<Buffer> {
  for (let index = 0; index < count; index++) yield piece(index);
  yield Buffer.alloc(1024);
}

const mebibyte = 1 << 20;
const sparsePax = (more: Record<string, string>): Buffer =>
  Buffer.concat(Object.entries({ 'GNU.sparse.name': 's', ...more }).map(([key, value]) => record(key, value)));
const manyRecords = Buffer.concat(Array.from({ length: 40_000 }, (_, index) => record(`vendor.${index}`, 'x')));
const manyPairs = Buffer.concat(
  Array.from({ length: 16_000 }, (_, index) =>
    Buffer.concat([record('GNU.sparse.offset', `${index}`), record('GNU.sparse.numbytes', '0')]),
  ),
);
const mapText = Buffer.from(`80000\n${Array.from({ length: 80_000 }, (_, index) => `${index}\n0\n`).join('')}`);

describe('headers that are made to take memory do not', () => {
  test.each<[string, string, (index: number) => Buffer]>([
    [
      'tens of thousands of PAX records',
      'applied',
      (index) => Buffer.concat([entry({ name: 'h', type: 'x', body: manyRecords }), unended({ name: `f${index}` })]),
    ],
    ['global PAX headers', 'applied', () => entry({ name: 'g', type: 'g', body: manyRecords })],
    [
      'sparse maps of version 0.0',
      'applied',
      (index) =>
        Buffer.concat([
          entry({
            name: 'h',
            type: 'x',
            body: Buffer.concat([sparsePax({ 'GNU.sparse.name': `f${index}`, 'GNU.sparse.realsize': '20000' }), manyPairs]),
          }),
          unended({ name: 'x' }),
        ]),
    ],
    [
      'sparse maps of version 0.1',
      'applied',
      (index) =>
        unended({
          name: 'x',
          pax: {
            'GNU.sparse.name': `f${index}`,
            'GNU.sparse.realsize': '500000',
            'GNU.sparse.map': Array.from({ length: 60_000 }, (_, at) => `${at},0`).join(','),
          },
        }),
    ],
    [
      'sparse maps of version 1.0',
      'applied',
      (index) =>
        unended({
          name: 'x',
          pax: {
            'GNU.sparse.major': '1',
            'GNU.sparse.minor': '0',
            'GNU.sparse.name': `f${index}`,
            'GNU.sparse.realsize': '500000',
          },
          body: padded(mapText),
        }),
    ],
    ['a PAX header that is never filled', 'LAYER_TOO_LARGE', () => entry({ name: 'h', type: 'x', size: 8 ** 11 - 1 })],
    [
      'a long name that is never filled',
      'LAYER_TOO_LARGE',
      () => entry({ name: '././@LongLink', type: 'L', format: 'gnu', size: 2 ** 52 }),
    ],
  ])('%s: %s', async (_, outcome, piece) => {
    const result = await apply(repeated(50, piece), 'directory');
    expect(result.outcome).toBe(outcome);
    // Each header takes most of a mebibyte, or would if it came.
    expect(result.kept).toBeLessThan(20 * mebibyte);
    expect(result.most).toBeLessThan(450);
  });
});

describe('what a layer keeps in memory until its end', () => {
  const count = 20_000;
  test.each<[string, number, number, (index: number) => Buffer]>([
    ['a file', 200, 330, (index) => unended({ name: `dir${index % 100}/a-name-of-a-file-${index}` })],
    [
      'a hard link',
      200,
      250,
      (index) => unended(index === 0 ? { name: 'first' } : { name: `a-name-of-a-link-${index}`, type: '1', link: 'first' }),
    ],
    [
      'a symbolic link',
      200,
      450,
      (index) => unended({ name: `a-name-of-a-link-${index}`, type: '2', link: 'a/target/that/is/not/kept'.repeat(3) }),
    ],
    ['a whiteout of nothing', 50, 50, (index) => unended({ name: `dir/.wh.a-name-of-a-file-${index}` })],
    ['a directory', 700, 900, (index) => unended({ name: `a-name-of-a-directory-${index}/`, type: '5' })],
  ])('%s is fewer bytes than %i, and in an image than %i', async (_, most, mostInImage, piece) => {
    for (const format of ['directory', 'erofs'] as const) {
      const { outcome, kept } = await apply(repeated(count, piece), format);
      expect(outcome).toBe('applied');
      // Some megabytes are for the code that ran meanwhile.
      expect((kept - 4 * mebibyte) / count).toBeLessThan(format === 'erofs' ? mostInImage : most);
    }
  });
});

describe('an image takes memory for names, not for content', () => {
  const body = Buffer.alloc(700, 'content');
  const gibibyte = 1 << 30;
  const header = (size: number): Buffer => entry({ name: 'large', size, body: Buffer.alloc(0) });

  test.each<[string, Iterable<Buffer>]>([
    ['100,000 files', repeated(100_000, (index) => unended({ name: `d${index % 1000}/f${index}`, body }))],
    [
      'a file of 3 GiB',
      (function* () {
        yield header(3 * gibibyte);
        const part = Buffer.alloc(mebibyte, 'x');
        for (let at = 0; at < 3 * gibibyte; at += part.length) yield part;
        yield Buffer.alloc(1024);
      })(),
    ],
    [
      'a sparse file of 16 TiB',
      [
        tar({
          name: 'x',
          pax: { 'GNU.sparse.name': 's', 'GNU.sparse.map': `${2 ** 43},512`, 'GNU.sparse.realsize': `${2 ** 44 - 4096}` },
          body: Buffer.alloc(512, 1),
        }),
      ],
    ],
  ])('%s', async (_, pieces) => {
    const { outcome, most } = await apply(pieces, 'erofs');
    expect(outcome).toBe('applied');
    expect(most).toBeLessThan(350);
  });
});

test('hard links of a few bytes to the names of a large file below: copied as far as the limit of bytes', async () => {
  using stack = new Stack();
  const body = Buffer.alloc(mebibyte, 'x');
  const links = Array.from({ length: 20 }, (_, index) => ({ name: `name${index}`, type: '1', link: 'large' }) as const);
  await stack.apply(tar({ name: 'large', body }, ...links));
  const limits = { ...defaultLimits, unpackedBytes: 10 * mebibyte };
  const again = links.map(({ name }) => ({ name: `new-${name}`, type: '1', link: name }) as const);
  for (const apply of ['applyDirectory', 'applyOverlay', 'applyStaged'] as const)
    await expect(stack[apply](tar(...again), { limits })).rejects.toMatchObject({
      code: 'LAYER_TOO_LARGE',
      details: { entry: 'new-name10' },
    });
  using whole = new Stack();
  await whole.apply(tar({ name: 'large', body }, ...links));
  await whole.apply(tar(...again.slice(0, 10)), { limits });
});

test('a record that says it is longer than it is, and one without end, are errors at once', async () => {
  using stack = new Stack();
  const body = Buffer.concat([Buffer.from(`${mebibyte} comment=`), Buffer.alloc(1000, 'x')]);
  await expect(stack.applyDirectory(tar(entry({ name: 'h', type: 'x', body }), { name: 'x' }))).rejects.toMatchObject({
    code: 'LAYER_HEADER_INVALID',
  });
});
