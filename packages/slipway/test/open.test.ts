import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { checkNodeVersion, openEngine, openHost } from 'slipway';
import { expect, test } from 'vitest';
import { Place } from './place.js';

test('opens an engine over the configured plugins; its disposal tears all of them down', async () => {
  using place = new Place();
  {
    await using engine = await openEngine(place.options());
    expect(await engine.images.list()).toEqual([]);
    expect(place.journal).toEqual(['up lmdb', 'up local']);
  }
  expect(place.journal).toEqual(['up lmdb', 'up local', 'down local', 'down lmdb']);
});

test('a host activates nothing by itself', async () => {
  using place = new Place();
  await using host = await openHost(place.options());
  const states = host.kernel.status().map(({ address, state }) => `${address} ${state}`);
  expect(states).toEqual([
    'engine.v1/slipway available',
    'metadata.v1/lmdb available',
    'content.v1/local available',
    'resolver.v1/registry available',
    'differ.v1/tar available',
    'snapshotter.v1/overlay available',
    'runtime.v1/runc available',
    'network.v1/cni available',
  ]);
  expect(place.journal).toEqual([]);
  expect(fs.existsSync(path.join(place.dir, 'root'))).toBe(false);
});

test('options win over the file, and say where a value is from', async () => {
  using place = new Place();
  const options = place.options({ toml: 'root = "/from/file"\nstate = "/from/file"\n' });
  await using host = await openHost({ ...options, state: undefined, settings: { state: '/from/settings' } });
  const sources = Object.fromEntries(host.dump().map(({ key, value, source }) => [key, [value, source]]));
  expect(sources).toMatchObject({
    root: [options.root, 'option root'],
    state: ['/from/settings', 'option settings'],
    'stack.runtime': ['runc', 'built-in defaults'],
    'stack.snapshotter': ['overlay', `${options.config}:1`],
  });
});

test('an unknown stack is named with those there are', async () => {
  using place = new Place();
  const options = place.options({ toml: '[stacks.plain]\nruntime = "runc"\n' });
  await expect(openHost({ ...options, stack: 'plan' })).rejects.toMatchObject({
    kind: 'not-found',
    code: 'STACK_UNKNOWN',
    message: 'stack "plan" is not in the configuration, found default, kata, plain',
  });
  await using host = await openHost({ ...options, stack: 'plain' });
  expect(Object.keys(host.config.stacks)).toEqual(['default', 'kata', 'plain']);
});

test('when the engine cannot be activated, nothing stays up', async () => {
  using place = new Place();
  const folder = path.join(place.dir, 'local', 'plugin.js');
  const code = fs.readFileSync(folder, 'utf8').replace("journal.push('up local');", "throw new Error('disk gone');");
  fs.writeFileSync(folder, code);
  await expect(openEngine(place.options())).rejects.toMatchObject({
    kind: 'failed-precondition',
    message: 'activate plugin content.v1/local ("@test/local"): disk gone',
  });
  expect(place.journal).toEqual(['up lmdb', 'down lmdb']);
});

test('the defaults name exactly the plugins that are dependencies of this package, but for those that one enables', async () => {
  using place = new Place();
  const file = path.join(place.dir, 'empty.toml');
  fs.writeFileSync(file, '');
  await using host = await openHost({ config: file });
  const manifest = new URL('../package.json', import.meta.url);
  const { dependencies } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as { dependencies: Record<string, string> };
  const libraries = ['@slipway/engine', '@slipway/kernel', '@slipway/plugin-api', 'reflect-metadata'];
  const enabledByName = ['@slipway/policy-rules'];
  expect(Object.keys(dependencies)).toEqual(expect.arrayContaining(enabledByName));
  const plugins = Object.keys(dependencies).filter((name) => ![...libraries, ...enabledByName].includes(name));
  expect(new Set(host.config.settings.plugins.standard)).toEqual(new Set(plugins));
  expect(new Set(host.kernel.status().map((plugin) => plugin.package))).toEqual(new Set(['@slipway/engine', ...plugins]));
});

test('an old Node is refused in words', () => {
  expect(() => checkNodeVersion('24.0.0')).not.toThrow();
  expect(() => checkNodeVersion('20.20.2')).toThrow('Slipway needs Node 24 or newer, found 20.20.2');
});

test('what is imported before the version check can be parsed by an old Node', () => {
  const entry = import.meta.resolve('slipway');
  const program = `import { registerHooks } from 'node:module'; import fs from 'node:fs';
    const loaded = [];
    registerHooks({ load(url, context, next) { if (url.startsWith('file:')) loaded.push(fs.readFileSync(new URL(url), 'utf8')); return next(url, context); } });
    await import('${entry}');
    console.log(JSON.stringify(loaded));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  const sources = JSON.parse(output) as string[];
  expect(sources.length).toBeGreaterThan(5);
  for (const source of sources) expect(source).not.toMatch(/^\s*(?:await )?using \w+ =/m);
});
