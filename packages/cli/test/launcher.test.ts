import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compileCacheFolder } from '../src/compile-cache.js';
import { finished, Place, type Result } from './slipway.js';

const launcher = path.join(import.meta.dirname, '../bin/slipway');
const place = new Place();
afterAll(() => place[Symbol.dispose]());

/** A program that says which Node it is and what it was told. */
function fakeNode(file: string, version: string): void {
  program(file, `echo "${version}" "$@"`);
}

function program(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
}

/** An installation with nothing in it but the launcher. */
function installation(name: string): { readonly bin: string; readonly root: string } {
  const root = place.file(name);
  const bin = path.join(root, 'packages/cli/bin/slipway');
  mkdirSync(path.dirname(bin), { recursive: true });
  cpSync(launcher, bin);
  mkdirSync(path.join(root, 'packages/cli/dist'));
  writeFileSync(path.join(root, 'packages/cli/dist/main.js'), '');
  return { bin, root };
}

function launch(bin: string, nodeFolder: string): Promise<Result> {
  return finished(spawn('/bin/sh', [bin, 'a b', ''], { env: { PATH: `${nodeFolder}:/usr/bin:/bin` } }));
}

test("PATH's Node is used where none is brought along, with every argument as it was", async () => {
  const { bin } = installation('new');
  fakeNode(place.file('node24/node'), 'v24.0.0');
  const { out, code } = await launch(bin, place.file('node24'));
  expect([code, out]).toEqual([0, `v24.0.0 --min-semi-space-size=16 -- ${place.file('new')}/packages/cli/dist/main.js a b \n`]);
});

test("a workspace's own command starts the modules of the package", async () => {
  const { code, out } = await finished(spawn(launcher, ['version'], { env: place.env }));
  expect([code, out]).toEqual([0, expect.stringMatching(/^slipway +\d/)]);
});

test('an env file is for the container: our own Node neither asks for it nor takes options from it', async () => {
  const file = place.file('node-options');
  writeFileSync(file, 'NODE_OPTIONS=--require /nowhere.js\n');
  for (const name of [file, place.file('no-such-file')]) {
    const { code, err } = await place.run(['version', '--env-file', name]);
    expect([code, err]).toEqual([2, expect.stringMatching(/^slipway: unknown option "--env-file"\n/)]);
  }
});

test("the installation's own Node is used, whatever is in PATH", async () => {
  const { bin, root } = installation('old');
  fakeNode(place.file('node20/node'), 'v20.19.2');
  fakeNode(path.join(root, 'node_modules/.bin/node'), 'v26.1.0');
  expect((await launch(bin, place.file('node20'))).out).toMatch(/^v26\.1\.0 /);
});

test('a Node is looked for above where the launcher truly is, not where it is called from', async () => {
  const { bin, root } = installation('called');
  fakeNode(path.join(root, 'node_modules/.bin/node'), 'v26.1.0');
  const [cwd, link] = [place.file('elsewhere/deep'), place.file('elsewhere/cli')];
  mkdirSync(cwd, { recursive: true });
  symlinkSync(path.dirname(path.dirname(bin)), link);
  fakeNode(place.file('elsewhere/node_modules/.bin/node'), 'v99.0.0');
  for (const called of ['../cli/bin/slipway', path.relative(cwd, bin)])
    expect((await finished(spawn('/bin/sh', [called], { cwd }))).out).toMatch(/^v26\.1\.0 /);
});

test('in the tree that people run, the launcher is beside node_modules', async () => {
  const root = place.file('tree');
  mkdirSync(path.join(root, 'bin'), { recursive: true });
  cpSync(launcher, path.join(root, 'bin/slipway'));
  const main = path.join(root, 'node_modules/@slipway/cli/dist/main.js');
  mkdirSync(path.dirname(main), { recursive: true });
  writeFileSync(main, '');
  fakeNode(place.file('node26/node'), 'v26.1.0');
  expect((await launch(path.join(root, 'bin/slipway'), place.file('node26'))).out).toContain(` -- ${main} `);
});

test.each(['relative', 'absolute'])('found through a %s symbolic link', async (kind) => {
  const { bin, root } = installation(`link-${kind}`);
  fakeNode(path.join(root, 'node_modules/.bin/node'), 'v26.1.0');
  fakeNode(place.file('node20/node'), 'v20.19.2');
  const link = place.file(`links-${kind}/deep/slipway`);
  mkdirSync(path.dirname(link), { recursive: true });
  symlinkSync(kind === 'absolute' ? bin : path.relative(path.dirname(link), bin), link);
  const outer = place.file(`outer-${kind}`);
  symlinkSync(link, outer);
  expect((await launch(outer, place.file('node20'))).out).toContain(`${root}/packages/cli/dist/main.js`);
});

test('without any Node it says so and what to install, with code 125', async () => {
  const { bin } = installation('none');
  const { err, code } = await finished(spawn('/bin/sh', [bin], { env: { PATH: place.file('nothing') } }));
  expect(code).toBe(125);
  expect(err).toMatch(/^slipway: no Node 24 or newer: .*\nhint: install /);
});

test('a Node that is too old says so and what to install, with code 125', async () => {
  const old = place.file('old.cjs');
  writeFileSync(old, "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.2' } });");
  const main = path.join(import.meta.dirname, '../dist/main.js');
  const { err, code } = await finished(spawn(process.execPath, ['--require', old, main, 'version']));
  expect(code).toBe(125);
  expect(err).toMatch(/^slipway: no Node 24 or newer: .*\nhint: install /);
});

test('the compile cache is a folder of our own, or none', () => {
  const env = { XDG_CACHE_HOME: place.file('cache') };
  const uid = 1234;
  expect(compileCacheFolder(uid, env)).toBeUndefined();
  expect(statSync(place.file('cache/slipway/node')).uid).not.toBe(uid);
  expect(compileCacheFolder(0, env)).not.toContain(place.folder);
  const root = compileCacheFolder(0);
  if (root !== undefined) expect(statSync(root).mode & 0o077).toBe(0);
});
