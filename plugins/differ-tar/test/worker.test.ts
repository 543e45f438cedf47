import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { plugin } from '@slipway/differ-tar';
import { type Step, stepChannel } from '@slipway/plugin-api';
import { expect, test } from 'vitest';
import { Bench } from './bench.js';
import { layer, sha256 } from './layer.js';

const small = await layer({ a: 'a' });
const large = await layer(Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`f${index}`, randomBytes(1 << 20)])));
const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('the manifest says what the plugin says', () => {
  const { slipway } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(slipway).toMatchObject({ provides: plugin.provides.id, id: plugin.id, api: plugin.api, declares: plugin.declares });
});

test('unknown keys and impossible limits are refused', async () => {
  await using bench = new Bench();
  for (const config of [{ unknown: 1 }, { max_entries: 0 }, { max_depth: 1.5 }])
    await expect(bench.differ(config)).rejects.toThrow('config');
});

test('limits of the config are kept', async () => {
  await using bench = new Bench();
  const differ = await bench.differ({ max_entries: 3 });
  await expect(differ.apply(await bench.content.put(large), bench.target())).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE' });
});

test('layers in overlay form are stacked, and steps and progress are told', async () => {
  await using bench = new Bench();
  const differ = await bench.differ();
  const steps: string[] = [];
  const listen = (message: unknown): void => void steps.push((message as Step).name);
  stepChannel.subscribe(listen);
  try {
    const lower = bench.target('overlay');
    const blob = await bench.content.put(gzipSync(large));
    const progress: number[] = [];
    await differ.apply(blob, lower, { onProgress: (bytes) => progress.push(bytes) });
    expect(progress.at(-1)).toBe(blob.size);
    expect(progress).toEqual(progress.toSorted((one, two) => one - two));
    const upper = bench.target('overlay', [lower]);
    await differ.apply(await bench.content.put(await layer({ '.wh.f1': '', 'x/y': 'y' })), upper);
    expect(readdirSync(upper.path)).toEqual(['f1', 'x']);
    expect(steps).toEqual(['diff.apply.opened', 'diff.apply.applied', 'diff.apply.opened', 'diff.apply.applied']);
  } finally {
    stepChannel.unsubscribe(listen);
  }
});

test('an error keeps kind, code, message and details, and the thread goes on', async () => {
  await using bench = new Bench();
  const differ = await bench.differ();
  const wrong = await bench.content.put(await layer({ 'a/.wh..': '' }));
  for (let round = 0; round < 3; round++) {
    await expect(differ.apply(wrong, bench.target())).rejects.toMatchObject({
      name: 'SlipwayError',
      kind: 'invalid-argument',
      code: 'LAYER_WHITEOUT_INVALID',
      message: expect.stringContaining('"a/.wh.."'),
      details: { entry: 'a/.wh..' },
    });
    const target = bench.target();
    expect(await differ.apply(await bench.content.put(small), target)).toMatchObject({ digest: sha256(small) });
  }
});

test('a missing blob, a missing target, a format that is no directory', async () => {
  await using bench = new Bench();
  const differ = await bench.differ();
  const blob = await bench.content.put(small);
  await expect(differ.apply({ ...blob, digest: `sha256:${'0'.repeat(64)}` }, bench.target())).rejects.toMatchObject({
    kind: 'not-found',
  });
  const missing = { ...bench.target(), path: path.join(bench.folder, 'nowhere') };
  await expect(differ.apply(blob, missing)).rejects.toMatchObject({ kind: 'not-found', code: 'SYSTEM_ENOENT' });
  await expect(differ.apply(blob, { ...bench.target(), format: 'erofs' })).rejects.toMatchObject({ kind: 'unimplemented' });
});

test('abort while it works: canceled, nothing more is written, and the thread is used again', async () => {
  await using bench = new Bench();
  const differ = await bench.differ();
  const blob = await bench.content.put(gzipSync(large));
  for (let round = 0; round < 3; round++) {
    const abort = new AbortController();
    const target = bench.target();
    const onProgress = (): void => abort.abort(new Error('enough'));
    await expect(differ.apply(blob, target, { signal: abort.signal, onProgress })).rejects.toMatchObject({ kind: 'canceled' });
    const left = readdirSync(target.path).length;
    await sleep(50);
    expect(readdirSync(target.path).length).toBe(left);
    expect(left).toBeLessThan(40);
    expect(await differ.apply(await bench.content.put(small), bench.target())).toMatchObject({ digest: sha256(small) });
  }
});

test('abort before it begins, and while it waits for another', async () => {
  await using bench = new Bench();
  const differ = await bench.differ();
  const blob = await bench.content.put(large);
  await expect(differ.apply(blob, bench.target(), { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'canceled' });
  const abort = new AbortController();
  // More than there are threads.
  const first = Promise.all(Array.from({ length: 4 }, () => differ.apply(blob, bench.target())));
  const waiting = differ.apply(blob, bench.target(), { signal: abort.signal });
  const last = differ.apply(blob, bench.target());
  setImmediate(() => abort.abort());
  await expect(waiting).rejects.toMatchObject({ kind: 'canceled' });
  expect((await first).map(({ digest }) => digest)).toEqual(Array.from({ length: 4 }, () => sha256(large)));
  expect(await last).toMatchObject({ digest: sha256(large) });
});

test('many at once, some of them bad: each gets its own answer, and no descriptor stays', async () => {
  await using bench = new Bench();
  const differ = await bench.differ();
  const good = await bench.content.put(gzipSync(large));
  const bad = await bench.content.put(gzipSync(large).subarray(0, 10 << 20));
  // Now all threads are there.
  await Promise.all(Array.from({ length: 8 }, () => differ.apply(good, bench.target())));
  const before = descriptors();
  for (let round = 0; round < 5; round++) {
    const results = await Promise.allSettled([good, bad, good, bad].map((blob) => differ.apply(blob, bench.target())));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  }
  expect(descriptors()).toBe(before);
});

test('dispose ends what runs, twice does no harm, and afterwards nothing is taken', async () => {
  await using bench = new Bench();
  const differ = (await bench.differ()) as Awaited<ReturnType<Bench['differ']>> & AsyncDisposable;
  const before = descriptors();
  const blob = await bench.content.put(gzipSync(large));
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const running = differ.apply(blob, bench.target(), { onProgress: () => resolve() });
  // More than there are threads.
  const others = Array.from({ length: 8 }, () => differ.apply(blob, bench.target()));
  const all = Promise.allSettled([running, ...others]);
  await begun;
  await differ[Symbol.asyncDispose]();
  await differ[Symbol.asyncDispose]();
  const results = await all;
  expect(results.at(0)).toMatchObject({ status: 'rejected', reason: { kind: 'canceled' } });
  expect(results.at(-1)).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable', code: 'DIFFER_CLOSED' } });
  await expect(differ.apply(blob, bench.target())).rejects.toMatchObject({ code: 'DIFFER_CLOSED' });
  expect(descriptors()).toBeLessThanOrEqual(before);
});

test('an idle thread does not keep the process alive, and takes no flags of the program', () => {
  const program = `
    import { Bench } from ${JSON.stringify(new URL('./bench.ts', import.meta.url).href)};
    const bench = new Bench();
    const differ = await bench.differ();
    const blob = await bench.content.put(Buffer.alloc(1024));
    await differ.apply(blob, bench.target());
    console.log('applied', bench.folder);
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '--import', loader, '-e', program], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(output).toMatch(/^applied /);
  execFileSync('rm', ['-rf', output.trim().slice('applied '.length)]);
});

/** Lets plain node find the .ts files that the helpers import as .js. */
const loader = `data:text/javascript,${encodeURIComponent(
  "import { registerHooks } from 'node:module'; registerHooks({ resolve(s, c, n) { try { return n(s, c) } catch (e) { return n(s.replace(/\\.js$/, '.ts'), c) } } });",
)}`;
