import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compileCacheFolder } from '../src/compile-cache.js';
import { finished, launcher, Place, type Result } from './slipway.js';

const place = new Place();
afterAll(() => place[Symbol.dispose]());

/** A program that says which Node it is and what it was told. */
function fakeNode(file: string, version: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\necho "${version}" "$@"\n`);
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

test("PATH's Node is used when it is new enough, with every argument as it was", async () => {
  const { bin } = installation('new');
  fakeNode(place.file('node24/node'), 'v24.0.0');
  const { out, code } = await launch(bin, place.file('node24'));
  expect([code, out]).toEqual([0, `v24.0.0 --min-semi-space-size=16 -- ${place.file('new')}/packages/cli/dist/main.js a b \n`]);
});

test('an env file is for the container: our own Node neither asks for it nor takes options from it', async () => {
  const file = place.file('node-options');
  writeFileSync(file, 'NODE_OPTIONS=--require /nowhere.js\n');
  for (const name of [file, place.file('no-such-file')]) {
    const { code, err } = await place.run(['version', '--env-file', name]);
    expect([code, err]).toEqual([2, expect.stringMatching(/^slipway: unknown option "--env-file"\n/)]);
  }
});

test("the installation's own Node is used when PATH's is too old", async () => {
  const { bin, root } = installation('old');
  fakeNode(place.file('node20/node'), 'v20.19.2');
  fakeNode(path.join(root, 'node_modules/.bin/node'), 'v26.1.0');
  expect((await launch(bin, place.file('node20'))).out).toMatch(/^v26\.1\.0 /);
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
  fakeNode(place.file('broken/node'), 'garbage');
  const { err, code } = await launch(bin, place.file('broken'));
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
