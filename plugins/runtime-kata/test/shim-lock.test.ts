import { closeSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ShimBench, until } from './shim-bench.ts';

let bench: ShimBench;
let disk: string;
beforeEach(() => {
  bench = new ShimBench();
  disk = path.join(bench.folder, 'disk');
  writeFileSync(disk, '', { mode: 0o600 });
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** As a mount of this host would have it. */
function isFree(): boolean {
  const fd = openSync(disk, 'r+');
  try {
    return linux.tryFlock(fd, 'exclusive');
  } finally {
    closeSync(fd);
  }
}

test('a disk that somebody else writes to is refused: two would ruin the file system on it', async () => {
  const other = openSync(disk, 'r+');
  try {
    expect(linux.tryFlock(other, 'exclusive')).toBe(true);
    bench.plan([['file', '10', disk, 'rw'], ...bench.steps({})]);
    const { code, stderr } = await bench.run('create', '--bundle', bench.folder, '--pid-file', `${disk}.pid`, 'box');
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ msg: `somebody else writes to "${disk}"` });
  } finally {
    closeSync(other);
  }
  await bench.gone();
});

test('a disk is locked for as long as its machine runs, and free with its end', async () => {
  bench.plan([['file', '10', disk, 'rw'], ...bench.steps({}, { untilSignal: [15] })]);
  const monitor = await bench.monitor();
  await bench.create(monitor);
  await monitor.start();
  expect(isFree()).toBe(false);
  await monitor.signal(15);
  await monitor.ended;
  await bench.gone();
  await until(isFree);
});
