import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WatchedPlace } from './refusal.ts';

let watched: WatchedPlace;

beforeAll(async () => {
  watched = await WatchedPlace.open();
});

afterAll(() => watched?.[Symbol.asyncDispose]());

function write(text: string, mode = 0o600): string {
  const file = path.join(watched.place.folder, 'bad.toml');
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

describe('config files', () => {
  it.each([
    ['an unknown key', 'version = 1\nrooot = "/x"', 'invalid-argument', 'CONFIG_UNKNOWN_KEY', ['bad.toml:2', 'rooot']],
    [
      'an unknown key in a table',
      'version = 1\n[stack]\nshaver = "x"',
      'invalid-argument',
      'CONFIG_UNKNOWN_KEY',
      ['bad.toml:3', 'shaver'],
    ],
    [
      'a number for an id',
      'version = 1\n[stack]\nruntime = 5',
      'invalid-argument',
      'CONFIG_INVALID_VALUE',
      ['bad.toml:3', 'runtime', '5'],
    ],
    [
      'an id that is a path',
      'version = 1\n[stack]\nruntime = "../x"',
      'invalid-argument',
      'CONFIG_INVALID_VALUE',
      ['bad.toml:3', '../x'],
    ],
    ['bad syntax', 'version = 1\nroot = "unfinished', 'invalid-argument', 'CONFIG_SYNTAX', ['bad.toml:2']],
    ['a key twice', 'version = 1\nversion = 1', 'invalid-argument', 'CONFIG_SYNTAX', ['bad.toml:2']],
    ['a newer format', 'version = 2', 'failed-precondition', 'CONFIG_TOO_NEW', ['bad.toml', '2']],
    [
      'a plugin package that is not there',
      'version = 1\n[plugins]\nsearch = ["slipway-no-such"]',
      'not-found',
      'PLUGIN_NOT_FOUND',
      ['slipway-no-such'],
    ],
    [
      'an id that no plugin has',
      'version = 1\n[stack]\nruntime = "warp"',
      'not-found',
      'STACK_PLUGIN_UNKNOWN',
      ['bad.toml:3', 'warp'],
    ],
    [
      'a section of no plugin',
      'version = 1\n[plugin.runtime-warp]\nspeed = 9',
      'invalid-argument',
      'CONFIG_UNKNOWN_PLUGIN',
      ['bad.toml:2', 'runtime-warp'],
    ],
    [
      'a setting that a plugin does not know',
      'version = 1\n[plugin.metadata-lmdb]\nspeed = 9',
      'invalid-argument',
      'CONFIG_UNKNOWN_KEY',
      ['bad.toml:3', 'speed'],
    ],
  ])('%s', (_what, text, kind, code, names) => watched.refuses(['images', 'ls'], { kind, code, names }, { config: write(text) }));

  it('a file that is not there', () =>
    watched.refuses(
      ['images', 'ls'],
      { kind: 'not-found', code: 'SYSTEM_ENOENT', names: ['no-such.toml'] },
      { config: path.join(watched.place.folder, 'no-such.toml') },
    ));

  it('a stack that the configuration does not have', () =>
    watched.refuses(['--stack', 'warp', 'images', 'ls'], {
      kind: 'not-found',
      code: 'STACK_UNKNOWN',
      names: ['warp', 'default'],
    }));

  it.each([0o666, 0o620, 0o602])('a file of mode %o, which others can write', (mode) =>
    watched.refuses(
      ['images', 'ls'],
      { kind: 'permission-denied', code: 'UNTRUSTED_FILE', names: ['bad.toml', mode.toString(8)] },
      { config: write('version = 1', mode) },
    ),
  );

  it('the same file once it is right', async () => {
    expect((await watched.slipway(['images', 'ls'], { config: write('version = 1') })).status).toBe(0);
  });
});

describe('plugins', () => {
  it('two of one id', async () => {
    const folders = ['one', 'two'].map((name) => plugin(name, 'snapshotter.v1', 'same', ''));
    const config = write(`version = 1\n[plugins]\nsearch = ${JSON.stringify(folders)}`);
    await watched.refuses(
      ['images', 'ls'],
      { kind: 'already-exists', code: 'PLUGIN_DUPLICATE', names: ['snapshotter.v1', 'same', 'one', 'two'] },
      { config },
    );
  });

  it('two that need each other', async () => {
    const folders = [
      plugin('first', 'snapshotter.v1', 'first', 'needs: { other: { id: "differ.v1" } },'),
      plugin('second', 'differ.v1', 'second', 'needs: { other: { id: "snapshotter.v1" } },'),
    ];
    const wired = '[stack]\nsnapshotter = "first"\ndiffer = "second"';
    const config = write(`version = 1\n[plugins]\nsearch = ${JSON.stringify(folders)}\n${wired}`);
    const report = await watched.slipway(['config', 'check'], { config });
    expect(report.status).toBe(1);
    expect(`${report.stdout}${report.stderr}`).toMatch(/PLUGIN_CYCLE/);
    expect(`${report.stdout}${report.stderr}`).toMatch(/first[\s\S]*second|second[\s\S]*first/);
  });

  it('one that throws when it is activated', async () => {
    const folder = plugin('thrower', 'metadata.v1', 'thrower', 'activate() { throw new Error("out of ideas"); },');
    const config = write(`version = 1\n[plugins]\nsearch = ${JSON.stringify([folder])}\n[stack]\nmetadata = "thrower"`);
    await watched.refuses(
      ['images', 'ls'],
      { kind: 'failed-precondition', code: 'PLUGIN_FAILED', names: ['thrower', 'out of ideas'] },
      { config },
    );
  });
});

/** A plugin package in a folder of its own; `code` are properties of its definition. */
function plugin(name: string, provides: string, id: string, code: string): string {
  const folder = path.join(watched.place.folder, 'plugins', name);
  mkdirSync(path.join(folder, 'node_modules/@slipway'), { recursive: true });
  const api = path.dirname(fileURLToPath(import.meta.resolve('@slipway/plugin-api/package.json')));
  symlinkSync(api, path.join(folder, 'node_modules/@slipway/plugin-api'));
  const slipway = { plugin: './plugin.js', provides, id, api: '1.0' };
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name: `@test/${name}`, version: '1.0.0', type: 'module', slipway }),
  );
  const definition = `provides: { id: '${provides}' }, id: '${id}', api: '1.0', activate: () => ({ instance: {} }), ${code}`;
  const text = `import { definePlugin } from '@slipway/plugin-api';\nexport const plugin = definePlugin({ ${definition} });\n`;
  writeFileSync(path.join(folder, 'plugin.js'), text);
  return folder;
}
