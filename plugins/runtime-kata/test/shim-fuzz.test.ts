import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from './shim-bench.ts';

const native = path.resolve(import.meta.dirname, '../../../native');
const sources = path.join(native, 'kata-shim/src');
const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-shim-fuzz-'));
const program = path.join(folder, 'fuzz');

beforeAll(() => {
  const files = [sources, path.join(native, 'common')].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.c') && name !== 'main.c')
      .map((name) => path.join(folder, name)),
  );
  const sanitizers = ['-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  const options = ['-std=gnu11', '-D_GNU_SOURCE', ...sanitizers, `-I${native}`, `-I${sources}`, '-o', program];
  execFileSync('gcc', [...options, ...files, path.join(import.meta.dirname, 'shim-fuzz.c')]);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** More by hand, as the README says. */
test.each([
  ['mux', 4000],
  ['qmp', 4000],
  ['pump', 500],
  ['plan', 500],
] as const)('%s: whatever comes, mutated, breaks nothing (%i rounds)', async (what, rounds) => {
  const cwd = path.join(folder, what);
  mkdirSync(cwd);
  expect(await run([program, what, String(rounds), '7'], cwd)).toEqual({ code: 0, stdout: '', stderr: '' });
});
