import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayer, imageOf, layerOf } from './built-image.ts';
import { WatchedPlace } from './refusal.ts';
import { ScriptedRegistry } from './scripted-registry.ts';

let registry: ScriptedRegistry;

beforeAll(async () => {
  registry = await ScriptedRegistry.start();
});

afterAll(() => registry?.[Symbol.asyncDispose]());

describe('runc', () => {
  const missing = { kind: 'failed-precondition', code: 'PLUGIN_SKIPPED' };

  it('missing: the error says what to install, and the run succeeds once it is there', async () => {
    await using watched = await WatchedPlace.open();
    const name = registry.serve('image', imageOf({ layers: [busyboxLayer()] }));
    await watched.pull(name);
    const programs = path.join(watched.place.folder, 'programs');
    mkdirSync(programs);
    for (const program of ['dirname', 'node', 'readlink', 'sh']) symlinkSync(where(program), path.join(programs, program));
    await watched.refuses(['run', name, 'true'], { ...missing, names: ['runc'], hint: 'install' }, { path: programs });
    expect((await watched.slipway(['run', name, 'true'])).status).toBe(0);
  });

  it('configured at a place where it is not', async () => {
    await using watched = await WatchedPlace.open('[plugin.runtime-runc]\nbinary = "/no/such/runc"');
    const name = registry.serve('image', imageOf({ layers: [busyboxLayer()] }));
    await watched.pull(name);
    await watched.refuses(['run', name, 'true'], { ...missing, names: ['/no/such/runc'] });
  });
});

function where(program: string): string {
  return program === 'node' ? process.execPath : execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
}

describe('not root', () => {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];

  it.each([
    ['pull', ['pull', 'image']],
    ['run', ['run', 'image', 'true']],
    ['images ls', ['images', 'ls']],
    ['rmi', ['rmi', 'image']],
  ])('%s says that it needs root', async (_name, args) => {
    await using watched = await WatchedPlace.open();
    const needsRoot = { kind: 'permission-denied', code: 'ROOT_NEEDED', names: ['root'], hint: 'sudo' };
    await watched.refuses(args, needsRoot, { through: nobody });
  });
});

describe('a full disk', () => {
  const MiB = 2 ** 20;
  const cases = [
    ['a download', () => randomBytes(40 * MiB)],
    ['the unpacking', () => Buffer.alloc(40 * MiB)],
  ] as const;

  it.each(cases)('during %s: nothing is left, and the pull succeeds once there is room', async (_what, body) => {
    using disk = mountDisk('16m');
    await using watched = await WatchedPlace.open('', disk.folder);
    const name = registry.serve('filler', imageOf({ layers: [busyboxLayer(), layerOf({ path: 'filler', body: body() })] }));
    await watched.refuses(['pull', name], { kind: 'resource-exhausted', code: 'SYSTEM_ENOSPC', names: ['no space left'] });
    disk.resize('200m');
    expect((await watched.slipway(['pull', name])).status).toBe(0);
    expect((await watched.slipway(['rmi', name])).status).toBe(0);
  });
});

/** A tmpfs of that size. */
function mountDisk(size: string): Disposable & { readonly folder: string; resize(size: string): void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'slipway-e2e', folder]);
  return {
    folder,
    resize: (larger) => execFileSync('mount', ['-o', `remount,size=${larger}`, folder]),
    [Symbol.dispose]: () => {
      execFileSync('umount', [folder]);
      rmdirSync(folder);
    },
  };
}
