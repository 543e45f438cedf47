import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';

const slipway = path.resolve(import.meta.dirname, '../../../build/bin/slipway');
const scratch = mkdtempSync(path.join(tmpdir(), 'slipway-core-code-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const places = ['--root', path.join(scratch, 'root'), '--state', path.join(scratch, 'state')];

/** Without the settings of whoever runs the test. */
const config = path.join(scratch, 'config.toml');
writeFileSync(config, 'version = 1\n', { mode: 0o600 });

function run(cache: string, ...args: string[]) {
  const env = { PATH: process.env['PATH'], HOME: scratch, SLIPWAY_CONFIG: config, NODE_COMPILE_CACHE: cache };
  const { status, stdout, stderr } = spawnSync(slipway, [...places, ...args], { env, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

function codeFiles(cache: string): string[] {
  const found = readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((name) =>
    path.basename(name).startsWith('core-'),
  );
  return found.map((name) => path.join(cache, name)).toSorted();
}

function codeFile(cache: string): string {
  const [file = '', ...others] = codeFiles(cache);
  expect([path.basename(file), others]).toEqual([expect.stringMatching(/^core-version-.*index\.js$/), []]);
  return file;
}

it('keeps the compiled code of each command when it first runs, for its owner alone', () => {
  const cache = path.join(scratch, 'kept');
  run(cache, 'version');
  const file = codeFile(cache);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { ino } = statSync(file);
  for (const words of [['version'], ['images', 'ls'], ['plugins'], ['version']]) run(cache, ...words);
  expect(statSync(file).ino).toBe(ino);
  const names = codeFiles(cache).map((name) => path.basename(name).replace(/-[^-]*$/, ''));
  expect(names).toEqual(['core-images-ls', 'core-plugins', 'core-version'].map((name) => expect.stringContaining(name)));
});

it.each([
  ['cut off', (file: string) => truncateSync(file, 1000)],
  ['empty', (file: string) => truncateSync(file, 0)],
  ['of zeros', (file: string) => writeFileSync(file, Buffer.alloc(statSync(file).size))],
  [
    'of zeros but for its end',
    (file: string) => writeFileSync(file, Buffer.concat([Buffer.alloc(5000), readFileSync(file).subarray(-500)])),
  ],
])('does without code that is %s, and makes it anew', (_, damage) => {
  const cache = mkdtempSync(path.join(scratch, 'damaged-'));
  const said = run(cache, 'version');
  const file = codeFile(cache);
  const { size } = statSync(file);
  damage(file);
  expect(run(cache, 'version')).toBe(said);
  expect(statSync(codeFile(cache)).size).toBeGreaterThan(size * 0.9);
  const { ino } = statSync(file);
  run(cache, 'version');
  expect(statSync(file).ino).toBe(ino);
});

it('does without code of another core: one that was changed in its place', () => {
  const cache = path.join(scratch, 'changed');
  run(cache, 'version');
  const { ino } = statSync(codeFile(cache));
  const core = path.resolve(slipway, '../../node_modules/@slipway/core/dist/index.js');
  const { atime, mtime } = statSync(core);
  utimesSync(core, atime, new Date(mtime.getTime() + 1000));
  run(cache, 'version');
  expect(statSync(codeFile(cache)).ino).not.toBe(ino);
});

it('keeps nothing when Node is to keep nothing', () => {
  const env = { ...process.env, NODE_COMPILE_CACHE: path.join(scratch, 'off'), NODE_DISABLE_COMPILE_CACHE: '1' };
  expect(spawnSync(slipway, ['version'], { env }).status).toBe(0);
  expect(readdirSync(scratch)).not.toContain('off');
});
