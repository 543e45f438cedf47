import fs from 'node:fs';
import path from 'node:path';
import { defaultToml, dumpConfig, dumpToml, loadConfig } from '@slipway/kernel';
import { parse } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { lineOf } from '../src/config/line.js';
import { mergeLayers } from '../src/config/source.js';
import { failure, Place } from './place.js';

test('layers: defaults < file < conf.d in order < next folder < environment < flags; tables merge, arrays replace', async () => {
  using place = new Place();
  const user = path.join(place.dir, 'user');
  fs.mkdirSync(path.join(user, 'conf.d'), { recursive: true });
  place.config('root = "/file"\nstate = "/file"\n[stack]\nsnapshotter = ["a", "b"]\nruntime = "file"\n');
  place.config('stack.runtime = "ten"\nstack.resolver = "ten"\n', 'conf.d/10-a.toml');
  place.config('stack.runtime = "nine"\nstack.snapshotter = ["z"]\n', 'conf.d/9-b.toml');
  place.config('not = "read"', 'conf.d/readme.txt');
  fs.writeFileSync(path.join(user, 'config.toml'), 'stack.content = "user"\nstate = "/user"\n');
  fs.writeFileSync(path.join(user, 'conf.d', 'x.toml'), 'stack.metadata = "user-d"\n');
  const config = await place.load({
    folders: [place.etc, user],
    env: { SLIPWAY_ROOT: '/env', SLIPWAY_STATE: '/env' },
    flags: [{ name: '--root', table: { root: '/flag' } }],
  });
  expect(config.settings).toMatchObject({ root: '/flag', state: '/env' });
  expect(config.settings.stack).toEqual({
    metadata: 'user-d',
    content: 'user',
    resolver: 'ten',
    runtime: 'nine',
    snapshotter: ['z'],
  });
  expect(config.files.map((file) => path.relative(place.dir, file))).toEqual([
    'etc/config.toml',
    'etc/conf.d/10-a.toml',
    'etc/conf.d/9-b.toml',
    'user/config.toml',
    'user/conf.d/x.toml',
  ]);
  const sources = Object.fromEntries(dumpConfig(config).map(({ key, source }) => [key, source]));
  expect(sources).toMatchObject({
    version: 'built-in defaults',
    root: '--root',
    state: 'environment variable SLIPWAY_STATE',
    'stack.runtime': `${place.etc}/conf.d/9-b.toml:1`,
    'stack.resolver': `${place.etc}/conf.d/10-a.toml:2`,
  });
  expect(await dumpToml(config)).toContain(`runtime = "nine" # ${place.etc}/conf.d/9-b.toml:1\n`);
  expect(parse(await dumpToml(config))).toEqual(JSON.parse(JSON.stringify(config.table)));
});

test('--config replaces every file, and so does SLIPWAY_CONFIG', async () => {
  using place = new Place();
  place.config('root = "/never"');
  const file = place.config('state = "/only"', 'other.toml');
  for (const options of [{ file }, { env: { SLIPWAY_CONFIG: file } }]) {
    const { settings, files } = await place.load(options);
    expect(settings).toMatchObject({ root: place.root, state: '/only' });
    expect(files).toEqual([file]);
  }
  const error = await failure(place.load({ file: '/nowhere/config.toml' }));
  expect(error.kind).toBe('not-found');
  expect(error.message).toContain('read config file "/nowhere/config.toml"');
});

test('without any file there are the defaults', async () => {
  using place = new Place();
  const config = await place.load();
  expect(config.stacks).toEqual({ default: { resolver: 'r', snapshotter: ['s'], runtime: 't' } });
});

test('a named stack overrides the default one', async () => {
  using place = new Place();
  place.config('[stack]\nsnapshotter = "s"\n[stacks.kata]\nsnapshotter = "kata"\nruntime = "kata"\ndiffer = "erofs"\n');
  expect((await place.load()).stacks).toEqual({
    default: { resolver: 'r', snapshotter: ['s'], runtime: 't' },
    kata: { resolver: 'r', snapshotter: ['kata'], runtime: 'kata', differ: 'erofs' },
  });
  place.config('[stacks.default]\n');
  expect((await failure(place.load())).message).toBe(`${place.etc}/config.toml:1: [stacks.default] is reserved`);
});

describe('errors name file, line, key, found and expected, and what to do', () => {
  const cases: { name: string; toml: string; code: string; message: string; hint?: string }[] = [
    {
      name: 'unknown key',
      toml: 'version = 1\nrooot = "/x"\n',
      code: 'CONFIG_UNKNOWN_KEY',
      message: ':2: unknown key "rooot"',
      hint: 'did you mean "root"?',
    },
    {
      name: 'unknown key far from every valid one',
      toml: '[plugins]\nbanana = 1\n',
      code: 'CONFIG_UNKNOWN_KEY',
      message: ':2: unknown key "plugins.banana"',
      hint: 'valid here: standard, search, disabled',
    },
    {
      name: 'unknown key in a stack',
      toml: '# x\n[stacks.kata]\nrunntime = "kata"\n',
      code: 'CONFIG_UNKNOWN_KEY',
      message: ':3: unknown key "stacks.kata.runntime"',
      hint: 'did you mean "runtime"?',
    },
    {
      name: 'wrong type',
      toml: '[stack]\n\nruntime = 3\n',
      code: 'CONFIG_INVALID_VALUE',
      message: ':3: key "stack.runtime": found 3, expected a string',
    },
    {
      name: 'wrong type of an alternative',
      toml: 'stack.snapshotter = true\n',
      code: 'CONFIG_INVALID_VALUE',
      message: ':1: key "stack.snapshotter": found true, expected a string or a list',
    },
    {
      name: 'wrong type in a list',
      toml: '[plugins]\nsearch = ["x", 3]\n',
      code: 'CONFIG_INVALID_VALUE',
      message: ':2: key "plugins.search.1": found 3, expected a string',
    },
    {
      name: 'a value where a table belongs',
      toml: 'stack = "runc"\n',
      code: 'CONFIG_INVALID_VALUE',
      message: ':1: key "stack": found "runc", expected a table',
    },
    {
      name: 'relative root',
      toml: 'root = "data"\n',
      code: 'CONFIG_INVALID_VALUE',
      message: ':1: key "root": found "data", expected an absolute path',
    },
    {
      name: 'newer format',
      toml: 'version = 2\nnew = true\n',
      code: 'CONFIG_TOO_NEW',
      message: ': found version 2 of the configuration format, expected 1',
      hint: 'this file was written for a newer Slipway',
    },
    {
      name: 'syntax',
      toml: 'version = 1\nroot = \n',
      code: 'CONFIG_SYNTAX',
      message: ':2:',
      hint: 'correct that line; "slipway config default" prints a file that is right',
    },
  ];
  test.each(cases)('$name', async ({ toml, code, message, hint }) => {
    using place = new Place();
    const file = place.config(toml);
    const error = await failure(place.load());
    expect(error.code).toBe(code);
    expect(error.message.slice(0, file.length + message.length)).toBe(file + message);
    expect(error.hint).toBe(hint);
  });

  test('all problems of all files are one error', async () => {
    using place = new Place();
    const a = place.config('rooot = "/x"\n[stack]\nruntime = 3\n');
    const b = place.config('# nothing\nstate = 7\n', 'conf.d/b.toml');
    const error = await failure(place.load());
    expect(error.message).toBe(
      [
        'check the configuration: 3 problems',
        `  - ${b}:2: key "state": found 7, expected a string`,
        `  - ${a}:3: key "stack.runtime": found 3, expected a string`,
        `  - ${a}:1: unknown key "rooot"`,
        '      did you mean "root"?',
      ].join('\n'),
    );
    expect(error.details['problems']).toHaveLength(3);
  });

  test('a wrong value from the environment is named by its variable', async () => {
    using place = new Place();
    const error = await failure(place.load({ env: { SLIPWAY_ROOT: 'here' } }));
    expect(error.message).toBe('environment variable SLIPWAY_ROOT: key "root": found "here", expected an absolute path');
  });

  test('a missing key says what belongs there', async () => {
    using place = new Place();
    const { root: _, ...defaults } = place.defaults;
    const error = await failure(loadConfig({ defaults, folders: [], env: {} }));
    expect(error.message).toBe('configuration: key "root" is missing, expected a value of type string');
  });
});

test('secrets are shown neither in errors nor in the dump', async () => {
  using place = new Place();
  const file = place.config(
    '[plugin.r.auth.host]\npassword = "hunter2"\npassword_file = "/p"\n[plugin.r]\nlist = [{ api_key = "hunter2" }]\n',
  );
  const config = await place.load();
  const shown = Object.fromEntries(dumpConfig(config).map(({ key, value }) => [key, value]));
  expect(shown).toMatchObject({
    'plugin.r.auth.host.password': '***',
    'plugin.r.auth.host.password_file': '/p',
    'plugin.r.list': [{ api_key: '***' }],
  });
  expect(await dumpToml(config)).not.toContain('hunter2');
  place.config('[stack]\nruntime = { password = "hunter2" }\n');
  expect((await failure(place.load())).message).toBe(
    `${file}:2: key "stack.runtime": found {"password":"***"}, expected a string`,
  );
});

test('a config file that is no file is refused', async () => {
  using place = new Place();
  expect((await failure(place.load({ file: place.etc }))).message).toContain('not a regular file');
});

test('__proto__ is a key like any other', () => {
  const merged = mergeLayers([{ source: { kind: 'default' }, table: JSON.parse('{"__proto__": {"polluted": true}}') }]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(Object.keys(merged.table)).toEqual(['__proto__']);
});

test('lines are found under headers, dotted keys, quoted keys and inside inline tables', () => {
  const text = 'a = 1\nb.c = 2\n[d]\ne = { f = 1 }\n[ d.g ]\n"h i" = 1\n';
  const line = (...key: string[]) => lineOf(text, key);
  expect([line('a'), line('b', 'c'), line('d', 'e', 'f'), line('d', 'g', 'h i'), line('d'), line('x')]).toEqual([
    1,
    2,
    4,
    6,
    3,
    undefined,
  ]);
});

test('the default file is valid, commented, and means what the defaults mean', async () => {
  using place = new Place();
  const text = await defaultToml(place.defaults, []);
  expect(text).toContain('# Images, snapshots and metadata. Survives a reboot.\nroot = ');
  expect(text).toContain('[stack]\n# Keeps names, containers and the books of everything.\nmetadata = "m"\n');
  expect(text).toContain('# differ = ""\n');
  const file = place.config(text);
  const config = await place.load({ file });
  expect(config.settings).toEqual((await place.load({ folders: [] })).settings);
});

test('networks: the plugin of a stack, and what "default" stands for', async () => {
  using place = new Place();
  expect((await place.load()).settings.default_network).toBe('bridge');
  place.config('default_network = "none"\n[stack]\nnetwork = "n"\n[stacks.other]\nnetwork = "o"\n');
  const { settings, stacks } = await place.load();
  expect(settings.default_network).toBe('none');
  expect([stacks['default']?.network, stacks['other']?.network]).toEqual(['n', 'o']);
  place.config('default_network = "../x"\n');
  await expect(place.load()).rejects.toThrow('default_network');
});
