import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TarSpec } from '@slipway/fixtures';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayer, imageOf, layerOf } from './built-image.ts';
import { leftBehind, WatchedPlace } from './refusal.ts';
import { ScriptedRegistry } from './scripted-registry.ts';

let watched: WatchedPlace;
let registry: ScriptedRegistry;
const busybox = busyboxLayer();

beforeAll(async () => {
  [watched, registry] = [await WatchedPlace.open(), await ScriptedRegistry.start()];
});

afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});

/** The image of this config over busybox is here, pulled without complaint. */
async function present(settings: object, ...more: readonly TarSpec[]): Promise<string> {
  const layers = more.length === 0 ? [busybox] : [busybox, layerOf(...more)];
  const name = registry.serve('image', imageOf({ layers, settings }));
  await watched.pull(name);
  return name;
}

describe('commands', () => {
  it.each([
    ['no-such-command', 127, 'not-found', 'COMMAND_NOT_FOUND'],
    ['/no/such/command', 127, 'not-found', 'COMMAND_NOT_FOUND'],
    ['', 127, 'not-found', 'COMMAND_NOT_FOUND'],
    ['/etc/passwd', 126, 'permission-denied', 'COMMAND_NOT_EXECUTABLE'],
    ['/etc', 126, 'permission-denied', 'COMMAND_NOT_EXECUTABLE'],
  ])('%j: %i', async (command, status, kind, code) => {
    const name = await present({});
    await watched.refuses(['run', '--rm', name, command], { kind, code, names: [command], status });
  });

  it('none, of the image or given', async () => {
    const name = await present({ Cmd: [], Entrypoint: null });
    await watched.refuses(['run', '--rm', name], {
      kind: 'invalid-argument',
      code: 'IMAGE_HAS_NO_COMMAND',
      names: ['Entrypoint', 'Cmd'],
    });
  });
});

describe('what a config says of the process', () => {
  it.each([
    [{ User: '4294967296' }, 'invalid-argument', 'USER_INVALID', '4294967296'],
    [{ User: '-1' }, 'invalid-argument', 'USER_INVALID', '-1'],
    [{ User: '0:4294967296' }, 'invalid-argument', 'USER_INVALID', '4294967296'],
    [{ User: 'nosuch' }, 'not-found', 'USER_NOT_FOUND', 'nosuch'],
    [{ User: '0:nosuch' }, 'not-found', 'GROUP_NOT_FOUND', 'nosuch'],
    [{ User: 'root:root:root' }, 'invalid-argument', 'USER_INVALID', 'root:root:root'],
    [{ Env: ['=value'] }, 'invalid-argument', 'ENV_INVALID', 'name'],
    [{ Env: [`LONG=${'x'.repeat(131_072)}`] }, 'invalid-argument', 'TEXT_TOO_LONG', 'LONG'],
    [{ WorkingDir: '/proc/self/fd/7' }, 'invalid-argument', 'WORKDIR_INVALID', '/proc/self/fd/7'],
    [{ WorkingDir: '/proc/1/fd' }, 'invalid-argument', 'WORKDIR_INVALID', '/proc/1/fd'],
    [{ WorkingDir: '/dev/fd/7' }, 'invalid-argument', 'WORKDIR_INVALID', '/dev/fd/7'],
    [{ WorkingDir: '/tmp/../proc/self/fd/7' }, 'invalid-argument', 'WORKDIR_INVALID', '/proc/self/fd/7'],
    [{ WorkingDir: '/bin/busybox' }, 'invalid-argument', 'WORKDIR_INVALID', '/bin/busybox'],
  ])('%j', async (settings, kind, code, name) => {
    const image = await present(settings);
    await watched.refuses(['run', '--rm', image, 'true'], { kind, code, names: [name] });
  });

  it('a working directory that a link leads to descriptors', async () => {
    const image = await present({ WorkingDir: '/way/7' }, { path: 'way', type: 'l', link: '/proc/self/fd' });
    await watched.refuses(['run', '--rm', image, 'true'], { kind: 'invalid-argument', code: 'WORKDIR_INVALID', names: ['/way'] });
  });

  it.each([
    ['a FIFO', { type: 'p' as const }],
    ['a device', { type: 'c' as const, device: [1, 5] as const }],
    ['a folder', { type: 'd' as const }],
    ['5 MiB long', { body: Buffer.alloc(5 << 20, 'root:x:0:0::/:\n') }],
  ])('/etc/passwd is %s', async (_what, member) => {
    const image = await present({}, { path: 'etc/passwd', ...member });
    await watched.refuses(['run', '--rm', image, 'true'], {
      kind: 'invalid-argument',
      code: 'ROOT_FILE_INVALID',
      names: ['/etc/passwd'],
    });
  });

  it('the same command once the cause is gone', async () => {
    const image = await present({ User: 'nosuch' });
    expect(await watched.slipway(['run', '--rm', '--user', '0', image, 'id', '-u'])).toMatchObject({ status: 0, stdout: '0\n' });
  });
});

describe('configs of the wrong shape', () => {
  it.each([
    [{ Entrypoint: '/bin/sh' }, 'config.Entrypoint'],
    [{ Cmd: 'sh' }, 'config.Cmd'],
    [{ Env: ['A=a\0b'] }, 'config.Env[0]'],
    [{ Env: { A: 'a' } }, 'config.Env'],
    [{ User: 0 }, 'config.User'],
    [{ Labels: ['a'] }, 'config.Labels'],
    [{ WorkingDir: '/a\0b' }, 'config.WorkingDir'],
  ])('%j', (settings, place) => {
    const name = registry.serve('shape', imageOf({ layers: [busybox], settings }));
    return watched.refuses(['pull', name], { kind: 'invalid-argument', code: 'IMAGE_CONFIG_INVALID', names: [place] });
  });
});

describe('labels', () => {
  it('with terminal escapes are printed neutralised', async () => {
    const hostile = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e';
    const name = await present({ Labels: { [hostile]: hostile, constructor: 'plain', ['__proto__']: 'data' } });
    const { status, stdout } = await watched.slipway(['inspect', name]);
    expect(status).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the line breaks of JSON are all that may be there
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    const [image] = JSON.parse(stdout) as [{ config: { config: { Labels: object } } }];
    expect(Object.entries(image.config.config.Labels)).toEqual(
      expect.arrayContaining([
        [hostile, hostile],
        ['constructor', 'plain'],
      ]),
    );
  });

  it('with reserved prefixes keep nothing alive', async () => {
    const before = await watched.look();
    const layer = layerOf({ path: 'kept', body: 'no' });
    const labels = { 'containerd.io/gc.root': 'now', 'containerd.io/gc.ref.content.0': layer.diffId };
    const name = registry.serve(
      'labels',
      imageOf({ layers: [layer], settings: { Labels: labels }, manifest: { annotations: labels } }),
    );
    await watched.pull(name);
    expect((await watched.slipway(['rmi', name])).status).toBe(0);
    expect(leftBehind(before, await watched.look())).toEqual([]);
  });
});

describe('layers that reach out', () => {
  const up = '../'.repeat(12);
  const cases: readonly (readonly [string, (outside: string) => readonly TarSpec[]])[] = [
    ['upwards', (outside) => [{ path: `${up}${outside.slice(1)}/written`, body: 'x' }]],
    ['by an absolute name', (outside) => [{ path: `${outside}/written`, body: 'x' }]],
    ['through a link', (outside) => [linkOut(outside), { path: 'out/written', body: 'x' }]],
    ['through a link upwards', (outside) => [linkOut(`${up}${outside.slice(1)}`), { path: 'out/written', body: 'x' }]],
    ['by a whiteout', (outside) => [linkOut(outside), { path: 'out/.wh.there', body: '' }]],
    ['by an opaque folder', (outside) => [linkOut(outside), { path: 'out/.wh..wh..opq', body: '' }]],
    ['by a mode', (outside) => [linkOut(`${outside}/there`), { path: 'out', mode: 0o4777, body: 'x' }]],
  ];
  const linkOut = (link: string): TarSpec => ({ path: 'out', type: 'l', link });

  it.each(cases)('%s, and find nothing but the root', async (_way, members) => {
    const outside = path.join(watched.place.folder, 'outside');
    const there = path.join(outside, 'there');
    mkdirSync(outside, { recursive: true });
    writeFileSync(there, 'untouched', { mode: 0o600 });
    const name = registry.serve('outwards', imageOf({ layers: [busybox, layerOf(...members(outside))] }));
    const { status } = await watched.slipway(['pull', name]);
    expect([0, 1]).toContain(status);
    expect(readdirSync(outside)).toEqual(['there']);
    expect(readFileSync(there, 'utf8')).toBe('untouched');
    expect(statSync(there).mode & 0o7777).toBe(0o600);
  });

  it('a hard link to a file of the host', async () => {
    const name = registry.serve(
      'hard',
      imageOf({ layers: [layerOf({ path: 'shadow', type: 'h', link: '../../../../../../etc/hostname' })] }),
    );
    await watched.refuses(['pull', name], { kind: 'invalid-argument', code: 'LAYER_LINK_INVALID', names: ['shadow'] });
    expect(existsSync('/etc/hostname')).toBe(true);
  });
});
