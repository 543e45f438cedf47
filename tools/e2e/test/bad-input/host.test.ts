import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmdirSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { contentPoint } from '@slipway/plugin-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePlace } from '../place.ts';
import { headerOf, repeated } from './bomb.ts';
import { busyboxLayer, digestOf, imageOf, layerOf } from './built-image.ts';
import { cli, reportOf } from './cli.ts';
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
    await watched.refuses(['run', '--rm', name, 'true'], { ...missing, names: ['runc'], hint: 'install' }, { path: programs });
    expect((await watched.slipway(['run', '--rm', name, 'true'])).status).toBe(0);
  });

  it('configured at a place where it is not', async () => {
    await using watched = await WatchedPlace.open('[plugin.runtime-runc]\nbinary = "/no/such/runc"');
    const name = registry.serve('image', imageOf({ layers: [busyboxLayer()] }));
    await watched.pull(name);
    await watched.refuses(['run', '--rm', name, 'true'], { ...missing, names: ['/no/such/runc'] });
  });
});

function where(program: string): string {
  return program === 'node' ? process.execPath : execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
}

describe('not root', () => {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];

  it.each([
    ['pull', ['pull', 'image']],
    ['run', ['run', '--rm', 'image', 'true']],
    ['images ls', ['images', 'ls']],
    ['rmi', ['rmi', 'image']],
  ])('%s says that it needs root', async (_name, args) => {
    await using watched = await WatchedPlace.open();
    const needsRoot = { kind: 'permission-denied', code: 'ROOT_NEEDED', names: ['root'], hint: 'sudo' };
    await watched.refuses(args, needsRoot, { through: nobody });
  });
});

describe('a full disk', () => {
  // Content, a snapshot or the metadata: whichever writes when the last page is taken.
  const diskFull = { kind: 'resource-exhausted', code: expect.stringMatching(/^(SYSTEM_ENOSPC|METADATA_DISK_FULL)$/), names: [] };
  const MiB = 2 ** 20;
  const cases = [
    ['a download', () => randomBytes(40 * MiB)],
    ['the unpacking', () => Buffer.alloc(40 * MiB)],
  ] as const;

  it.each(cases)('during %s: nothing is left, and the pull succeeds once there is room', async (_what, body) => {
    using disk = mountDisk('16m');
    await using watched = await WatchedPlace.open('', disk.folder);
    const name = registry.serve('filler', imageOf({ layers: [busyboxLayer(), layerOf({ path: 'filler', body: body() })] }));
    await watched.refuses(['pull', name], diskFull);
    disk.resize('200m');
    expect((await watched.slipway(['pull', name])).status).toBe(0);
    expect((await watched.slipway(['rmi', name])).status).toBe(0);
  });

  it('before anything: metadata have no room', async () => {
    using disk = mountDisk('64k');
    using place = makePlace('', disk.folder);
    const { config, root, state } = place.options;
    const images = ['--json', '--config', config, '--root', root, '--state', state, 'images', 'ls'];
    const ended = await cli(images);
    expect(reportOf(ended)).toMatchObject({ kind: 'resource-exhausted', hint: expect.stringContaining('free some disk space') });
    expect(ended.status).toBe(1);
    disk.resize('16m');
    expect(await cli(images)).toMatchObject({ status: 0, stdout: '[]\n' });
  });

  it('an image can be removed from it, which makes room', async () => {
    using disk = mountDisk('16m');
    await using watched = await WatchedPlace.open('', disk.folder);
    const body = randomBytes(MiB);
    const name = registry.serve('removed', imageOf({ layers: [busyboxLayer(), layerOf({ path: 'filler', body })] }));
    await watched.pull(name);
    expect(() => writeFileSync(path.join(disk.folder, 'fill'), Buffer.alloc(32 * MiB))).toThrow('ENOSPC');
    expect((await watched.slipway(['rmi', name])).status).toBe(0);
    const { images, blobs, snapshots } = await watched.look();
    expect([...(images ?? []), ...(blobs ?? []), ...(snapshots ?? [])]).toEqual([]);
    expect(statfsSync(disk.folder).bfree).toBeGreaterThan(0);
  });

  it('a blob whose row had no room goes with the pull that brought it', async () => {
    await using watched = await WatchedPlace.open();
    const good = layerOf({ path: 'good', body: 'good' });
    const bad = { ...layerOf({ path: 'bad', body: 'bad' }), diffId: digestOf(Buffer.from('other')) };
    const name = registry.serve('stray', imageOf({ layers: [good, bad] }));
    const digest = digestOf(good.blob);
    // The content store has it already, metadata does not: as a pull leaves it whose row was refused.
    const store = await watched.host.kernel.get(contentPoint);
    await using writer = await store.writer({ ref: 'stray', expected: { digest, size: good.blob.length } });
    await writer.write(good.blob);
    await writer.commit({ digest, size: good.blob.length });
    expect((await watched.look())['blobs']?.size).toBe(1);
    expect(reportOf(await watched.slipway(['pull', name]))).toMatchObject({ code: 'DIFF_ID_MISMATCH' });
    expect((await watched.look())['blobs']?.size).toBe(0);
  });

  it('by a bomb: it ends where the disk does, and nothing of it stays', async () => {
    using disk = mountDisk('32m');
    await using watched = await WatchedPlace.open('', disk.folder);
    const blob = repeated(headerOf(2 ** 33 - 1), gzipSync(Buffer.alloc(64 * MiB)), 128);
    const layer = { blob, diffId: digestOf(blob) };
    const name = registry.serve('bomb', imageOf({ layers: [layer] }));
    await watched.refuses(['pull', name], diskFull);
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
