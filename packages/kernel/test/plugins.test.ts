import fs from 'node:fs';
import path from 'node:path';
import { defaultToml, problemsOf } from '@slipway/kernel';
import { describe, expect, test } from 'vitest';
import 'reflect-metadata';
import { builtin, failure, journal, Place, point, stackPlugins } from './place.js';

const need = (pointId: string) => `${pointId.split('.')[0]}: { id: '${pointId}' }`;

test('a name is looked up from the folder of the config file that names it, then the system folder, then the installation', async () => {
  using place = new Place();
  for (const into of ['installation', 'system', 'etc'] as const) {
    place.plugin({ package: 'acme', provides: 'p.v1', id: 'acme', into }, { listed: false });
    place.config('plugins.search = ["acme"]');
    await using kernel = await place.boot();
    expect(kernel.status().at(-1)?.directory).toBe(path.join(place[into], 'node_modules', 'acme'));
  }
});

test('the working directory plays no part', async () => {
  using place = new Place();
  place.plugin({ package: 'acme', provides: 'p.v1', id: 'acme', into: 'etc' }, { listed: false });
  const elsewhere = fs.mkdtempSync(path.join(place.dir, 'elsewhere-'));
  fs.writeFileSync(path.join(elsewhere, 'x.toml'), 'plugins.search = ["acme"]');
  const before = process.cwd();
  process.chdir(place.etc);
  try {
    const config = await place.load({ file: path.join(elsewhere, 'x.toml') });
    expect((await failure(place.boot({ config }))).message).toBe(
      `${elsewhere}/x.toml:1: plugin package "acme" was not found from "${elsewhere}", "${place.system}", "${place.installation}"`,
    );
    const flags = [{ name: '--plugin', table: { plugins: { search: ['./node_modules/acme'] } } }];
    const relative = await failure(place.boot({ config: await place.load({ flags, folders: [] }) }));
    expect(relative.message).toBe('--plugin: plugin path "./node_modules/acme" is relative, expected an absolute path');
  } finally {
    process.chdir(before);
  }
});

test('plugins.search takes paths relative to its file, and adds to the standard ones', async () => {
  using place = new Place();
  place.plugin({ provides: 'p.v1', id: 'std' });
  const folder = place.plugin({ package: 'acme', provides: 'p.v1', id: 'acme', into: 'etc' }, { listed: false });
  fs.renameSync(folder, path.join(place.etc, 'mine'));
  place.config('plugins.search = ["./mine"]');
  await using kernel = await place.boot();
  expect((await kernel.get(point('p.v1'), 'acme')).id).toBe('acme');
  expect(kernel.status().map(({ id }) => id)).toContain('std');
});

test.each(['../x', 'a/b/c', '@a/../b', '.hidden', 'UPPER'])('"%s" is no package name that is looked up', async (name) => {
  using place = new Place();
  const flags = [{ name: '--plugin', table: { plugins: { search: [name] } } }];
  const error = await failure(place.boot({ config: await place.load({ flags }) }));
  expect(['PLUGIN_NAME_INVALID', 'PLUGIN_PATH_RELATIVE']).toContain(error.code);
});

test('a manifest is checked key by key', async () => {
  using place = new Place();
  const folder = place.plugin({
    package: 'odd',
    provides: 'Snapshotter',
    id: 'A',
    api: '1',
    manifest: { plugin: '../x.js', declare: {} },
  });
  const file = path.join(folder, 'package.json');
  const problems = problemsOf(await failure(place.boot())).map(({ message }) => message);
  expect(problems).toEqual([
    `${file}: unknown key "slipway.declare"`,
    `${file}: key "slipway.plugin": found "../x.js", expected a module inside the package, such as "./dist/plugin.js"`,
    `${file}: key "slipway.provides": found "Snapshotter", expected a point such as "snapshotter.v1"`,
    `${file}: key "slipway.id": found "A", expected lower-case letters, digits and hyphens`,
    `${file}: key "slipway.api": found "1", expected a version such as "1.0"`,
  ]);
});

test('a manifest cannot lead out of its package', async () => {
  using place = new Place();
  place.plugin({ provides: 'p.v1', id: 'a', manifest: { plugin: './x/../../b.js' } });
  expect((await failure(place.boot())).message).toContain('found "./x/../../b.js", expected a module inside the package');
});

test('a package that is no plugin', async () => {
  using place = new Place();
  const folder = place.plugin({ provides: 'p.v1', id: 'a' });
  fs.writeFileSync(path.join(folder, 'package.json'), '{"name": "a", "version": "1.0.0"}');
  expect((await failure(place.boot())).message).toBe(
    `${folder}/package.json: has no "slipway" object, so the package is no plugin`,
  );
});

test.each([
  ['1.1', 'upgrade Slipway, or install an older version of the plugin'],
  ['2.0', 'upgrade Slipway, or install an older version of the plugin'],
  ['0.9', 'install a newer version of the plugin'],
])('plugin-api %s is refused without loading code', async (api, hint) => {
  using place = new Place();
  const folder = place.plugin({ provides: 'p.v1', id: 'a', api });
  expect(await failure(place.boot())).toMatchObject({
    code: 'PLUGIN_API_MISMATCH',
    message: `${folder}/package.json: plugin "@test/a" was built against plugin-api ${api}, expected 1.0 to 1.0`,
    hint,
  });
  expect(journal()).toEqual([]);
});

test('code and manifest must agree', async () => {
  using place = new Place();
  const folder = place.plugin({
    provides: 'p.v1',
    id: 'a',
    manifest: { id: 'b', declares: { writes: ['overlay'] } },
    declares: { writes: ['erofs'] },
  });
  await using kernel = await place.boot();
  const problems = problemsOf(await failure(kernel.get(point('p.v1')))).map(({ message }) => message);
  expect(problems).toEqual([
    `plugin "@test/a": ${folder}/plugin.js says id "a", but its manifest says "b"`,
    `plugin "@test/a": ${folder}/plugin.js says declares {"writes":["erofs"]}, but its manifest says {"writes":["overlay"]}`,
  ]);
});

test('a module that cannot be loaded, and one without a plugin', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', prelude: 'throw new Error("boom at import");' });
  const folder = place.plugin({ provides: 'b.v1', id: 'b' });
  fs.writeFileSync(path.join(folder, 'plugin.js'), 'export const plugin = null;');
  await using kernel = await place.boot();
  expect((await failure(kernel.get(point('a.v1')))).message).toMatch(/^load plugin "@test\/a" \(.*\): boom at import$/);
  expect((await failure(kernel.get(point('b.v1')))).message).toBe(
    `plugin "@test/b": ${folder}/plugin.js exports no "plugin" made by definePlugin`,
  );
});

test('broken code is a failed plugin in the status', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { b: { need: 'two', point: { id: 'b.v1' } } },` });
  place.plugin({
    provides: 'b.v1',
    id: 'b',
    code: `config: { '~standard': { validate() { throw new Error('bad schema'); } } },`,
  });
  await using kernel = await place.boot();
  await kernel.check();
  expect(kernel.status().slice(-2)).toMatchObject([
    { id: 'a', state: 'failed', reason: expect.stringContaining('has a need "b" that is no need of plugin-api') },
    { id: 'b', state: 'failed', reason: expect.stringContaining('has a config schema that failed: Error: bad schema') },
  ]);
});

test('a duplicate names both packages, and is none once one is disabled', async () => {
  using place = new Place();
  const a = place.plugin({ package: '@a/snap', provides: 'p.v1', id: 'x' });
  const b = place.plugin({ package: '@b/snap', provides: 'p.v1', id: 'x' });
  expect(await failure(place.boot())).toMatchObject({
    kind: 'already-exists',
    code: 'PLUGIN_DUPLICATE',
    message: `p.v1/x is provided by "@a/snap" (${a}) and "@b/snap" (${b})`,
    hint: 'name all but one of them in plugins.disabled',
  });
  place.config('plugins.disabled = ["@a/snap"]');
  await using kernel = await place.boot();
  expect(kernel.status().filter(({ id }) => id === 'x')).toMatchObject([
    { package: '@a/snap', state: 'disabled', reason: 'named in plugins.disabled' },
    { package: '@b/snap', state: 'available' },
  ]);
});

test('names in the configuration that are no known plugin, all at once', async () => {
  using place = new Place();
  place.plugin({ package: '@slipway/runtime-runc', provides: 'p.v1', id: 'runc' });
  place.plugin({ package: '@a/snap', provides: 'p.v1', id: 'x' });
  place.plugin({ package: '@b/snap', provides: 'p.v1', id: 'y' });
  const file = place.config(
    'plugins.disabled = ["snap"]\nstack.runtime = "tt"\n[plugin.runtime-rnuc]\nbinary = "x"\n[stacks.kata]\nruntime = "kata"\n',
  );
  const problems = problemsOf(await failure(place.boot()));
  expect(problems.map(({ message, hint }) => [message.replace(file, 'F'), hint])).toEqual([
    ['F:1: "snap" in plugins.disabled could be "@a/snap" or "@b/snap"', 'write the whole package name in quotes'],
    ['F:3: section [plugin.runtime-rnuc] names no known plugin', 'did you mean "runtime-runc"?'],
    ['F:2: stack.runtime: found "tt", which is no known runtime', 'did you mean "t"?'],
    ['F:6: stacks.kata.runtime: found "kata", which is no known runtime', 'valid here: t'],
  ]);
});

test('a stack that wires a disabled plugin', async () => {
  using place = new Place();
  place.config('plugins.disabled = ["t"]');
  expect((await failure(place.boot())).message).toBe(
    'built-in defaults: stack.runtime wires "t", which plugins.disabled turns off',
  );
});

const schema = `
import * as v from '${import.meta.resolve('valibot')}';
const config = v.strictObject({
  binary: v.pipe(v.optional(v.string(), 'runc'), v.description('What is run.')),
  retries: v.optional(v.pipe(v.number(), v.minValue(1, 'at least 1'))),
});
`;

test("a plugin's section is checked by its own schema, and its defaults reach it", async () => {
  using place = new Place();
  place.plugin({ provides: 'p.v1', id: 'a', prelude: schema, code: 'config,' });
  await using kernel = await place.boot();
  expect((await kernel.get(point('p.v1'))).config).toEqual({ binary: 'runc' });

  const file = place.config('[plugin.a]\nbinary = false\nretries = 0\nbinnary = "x"\n');
  await using wrong = await place.boot();
  const problems = problemsOf(await failure(wrong.get(point('p.v1'))));
  expect(problems.map(({ message, hint }) => [message.replace(file, 'F'), hint])).toEqual([
    ['F:2: key "plugin.a.binary": found false, expected a string', undefined],
    ['F:3: key "plugin.a.retries": found 0, expected at least 1', undefined],
    ['F:4: unknown key "plugin.a.binnary"', 'did you mean "binary"?'],
  ]);
});

test('a plugin without a schema takes no configuration; a whole package name is a section too', async () => {
  using place = new Place();
  place.plugin({ provides: 'p.v1', id: 'a' });
  const file = place.config('[plugin."@test/a"]\nx = 1\n');
  await using kernel = await place.boot();
  expect((await failure(kernel.get(point('p.v1')))).message).toBe(
    `${file}:2: unknown key "plugin."@test/a".x": plugin "@test/a" takes no configuration`,
  );
  place.config('[plugin."@test/a"]\n[plugin.a]\n');
  expect((await failure(place.boot())).message).toBe(
    `${file}:2: plugin "@test/a" has two sections, [plugin."@test/a"] and [plugin.a]`,
  );
});

test('any Standard Schema will do, asynchronous ones too', async () => {
  using place = new Place();
  const standard = `{ '~standard': { version: 1, vendor: 'own', validate: async (value) =>
    value.ok ? { value: { checked: true } } : { issues: [{ message: 'a table with ok = true', path: ['ok'] }] } } }`;
  place.plugin({ provides: 'p.v1', id: 'a', code: `config: ${standard},` });
  const file = place.config('[plugin.a]\nok = false\n');
  await using wrong = await place.boot();
  expect((await failure(wrong.get(point('p.v1')))).message).toBe(
    `${file}:2: key "plugin.a.ok": found false, expected a table with ok = true`,
  );
  place.config('[plugin.a]\nok = true\n');
  await using kernel = await place.boot();
  expect((await kernel.get(point('p.v1'))).config).toEqual({ checked: true });
});

test('missing, ambiguous and circular needs of one closure are reported together', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { ${need('b.v1')}, ${need('x.v1')}, ${need('p.v1')} },` });
  place.plugin({ provides: 'b.v1', id: 'b', code: `needs: { ${need('c.v1')} },` });
  place.plugin({ provides: 'c.v1', id: 'c', code: `needs: { ${need('a.v1')} },` });
  place.plugin({ provides: 'p.v1', id: 'p1' });
  place.plugin({ provides: 'p.v1', id: 'p2' });
  await using kernel = await place.boot();
  const error = await failure(kernel.get(point('a.v1')));
  expect(error.message).toBe(
    [
      'start a.v1/a: 3 problems',
      '  - a.v1/a needs x.v1, which no enabled plugin provides',
      '      add a package that provides it to plugins.search',
      '  - a.v1/a needs one p.v1, found p1, p2',
      '      name all but one of their packages in plugins.disabled',
      '  - plugins wait for each other in a circle: a.v1/a -> b.v1/b -> c.v1/c -> a.v1/a',
      '      one of them must take the other by lazy() and not call it before it is active, or be disabled',
    ].join('\n'),
  );
  expect(journal().filter((line) => line.startsWith('up'))).toEqual([]);
});

test('a lazy need must have a provider though it is not loaded', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { x: { need: 'lazy', point: { id: 'x.v1' } } },` });
  await using kernel = await place.boot();
  expect((await failure(kernel.get(point('a.v1')))).code).toBe('POINT_MISSING');
});

test('what is asked of the kernel by id: unknown, disabled', async () => {
  using place = new Place();
  place.plugin({ provides: 'p.v1', id: 'fast' });
  place.config('plugins.disabled = ["fast"]');
  await using kernel = await place.boot();
  expect(await failure(kernel.get(point('p.v1'), 'fats'))).toMatchObject({ kind: 'not-found', code: 'PLUGIN_UNKNOWN' });
  expect(await failure(kernel.get(point('p.v1'), 'fast'))).toMatchObject({
    code: 'PLUGIN_DISABLED',
    message: 'plugin p.v1/fast is disabled by the configuration',
    hint: 'take "@test/fast" out of plugins.disabled',
  });
  expect((await failure(kernel.get(point('p.v1')))).hint).toMatch(/^disabled by the configuration: "@test\/fast"/);
});

test('check loads everything and activates nothing', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { ${need('x.v1')} },` });
  place.plugin({ provides: 'b.v1', id: 'b', prelude: 'throw new Error("broken");' });
  await using kernel = await place.boot();
  expect((await kernel.check()).map(({ code }) => code)).toEqual(['POINT_MISSING', 'PLUGIN_LOAD_FAILED']);
  expect(journal().filter((line) => line.startsWith('up'))).toEqual([]);
});

test('check proves that every stack fits', async () => {
  using place = new Place();
  place.plugin({ provides: 'snapshotter.v1', id: 'vm', declares: { produces: ['erofs'], layerTarget: 'erofs' } });
  place.plugin({ provides: 'snapshotter.v1', id: 'mute' });
  place.config('[stacks.vm]\nsnapshotter = ["s", "vm"]\n[stacks.mute]\nsnapshotter = "mute"\n');
  await using kernel = await place.boot();
  expect((await kernel.check()).map(({ message }) => message)).toEqual([
    'stack "vm" does not fit: snapshotter "vm" produces erofs mounts, but runtime "t" accepts overlay, bind',
    'stack "vm" does not fit: snapshotter "vm" takes layers as "erofs", which no differ writes',
    'stack "mute" does not fit: snapshotter "mute" does not declare what it produces',
    'stack "mute" does not fit: snapshotter "mute" does not declare its layerTarget',
  ]);
});

describe('a stack that comes with the defaults', () => {
  const boot = async (place: Place): ReturnType<Place['boot']> => {
    const stacks = { vm: { snapshotter: 'images', runtime: 'machines', differ: 'images' } };
    return await place.boot({ config: await place.load({ defaults: { ...place.defaults, stacks } }) });
  };
  const install = (place: Place): void => {
    place.plugin({ provides: 'snapshotter.v1', id: 'images', declares: { produces: ['layers'], layerTarget: 'erofs' } });
    place.plugin({ provides: 'differ.v1', id: 'images', package: '@test/differ', declares: { writes: ['erofs'] } });
    place.plugin({ provides: 'runtime.v1', id: 'machines', declares: { accepts: ['layers'] } });
  };

  test('is no problem where its plugins are not there or turned off: nobody has asked for it', async () => {
    using without = new Place();
    await using bare = await boot(without);
    expect(await bare.check()).toEqual([]);
    for (const name of ['@test/images', '@test/machines', '@test/differ']) {
      using place = new Place();
      install(place);
      place.config(`plugins.disabled = ["${name}"]`);
      await using kernel = await boot(place);
      expect(await kernel.check()).toEqual([]);
    }
  });

  test('must fit where a file speaks of it', async () => {
    using place = new Place();
    install(place);
    {
      await using kernel = await boot(place);
      expect(await kernel.check()).toEqual([]);
    }
    place.config('[stacks.vm]\nsnapshotter = "s"\ndiffer = "d"\n');
    await using kernel = await boot(place);
    expect((await kernel.check()).map(({ message }) => message)).toEqual([
      'stack "vm" does not fit: snapshotter "s" produces overlay mounts, but runtime "machines" accepts layers',
    ]);
    place.config('plugins.disabled = ["@test/machines"]\n[stacks.vm]\nsnapshotter = "images"\n');
    expect((await failure(boot(place))).code).toBe('STACK_PLUGIN_DISABLED');
  });
});

test('a pinned differ must write the layer target', async () => {
  using place = new Place();
  place.plugin({ provides: 'differ.v1', id: 'odd', declares: { writes: ['erofs'] } });
  place.config('stack.differ = "odd"');
  await using kernel = await place.boot();
  expect((await kernel.check()).map(({ message }) => message)).toEqual([
    'stack "default" does not fit: snapshotter "s" takes layers as "overlay", which differ "odd" does not write',
  ]);
});

test("plugins' settings are in the default file with their comments", async () => {
  using place = new Place();
  place.plugin({ provides: 'p.v1', id: 'a', prelude: schema, code: 'config,' });
  await using kernel = await place.boot();
  expect(await defaultToml(place.defaults, await kernel.schemas())).toContain(
    '\n# Settings of @test/a.\n[plugin.a]\n# What is run.\nbinary = "runc"\n# retries = 0\n',
  );
});

test('a built-in plugin is checked as any other', async () => {
  using place = new Place();
  const builtins = [...stackPlugins(), builtin('p.v1', 'new', { api: '9.0' })];
  await using kernel = await place.boot({ builtin: builtins });
  expect((await failure(kernel.get(point('p.v1')))).message).toBe(
    'built in: plugin "@builtin/new" was built against plugin-api 9.0, expected 1.0 to 1.0',
  );
});
