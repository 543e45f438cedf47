import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import 'reflect-metadata';
import { Place, point } from './place.js';

const tsyringe = import.meta.resolve('tsyringe');

/** What a compiler makes of `class Store { constructor(@inject(tokens.config) config, @inject(tokens.need('b')) b, ...) {} }`. */
const injected = `
import tsyringe from '${tsyringe}';
class Store {
  constructor(config, dirs, log, signal, b, none) { Object.assign(this, { config, dirs, log, signal, b, none }); }
}
const tokens = ['slipway:config', 'slipway:dirs', 'slipway:log', 'slipway:signal', 'slipway:need:b', 'slipway:need:none'];
tokens.forEach((token, index) => tsyringe.inject(token)(Store, undefined, index));
tsyringe.injectable()(Store);
`;

test("a plugin's classes are built by its child container, with its context and needs injected", async () => {
  using place = new Place();
  const needs = `needs: { b: { id: 'b.v1' }, none: { need: 'optional', point: { id: 'none.v1' } } },`;
  const activate = (name: string) => `activate({ container, dirs, needs, signal }) {
    const store = container.resolve(Store);
    return { instance: { id: '${name}', same: store.dirs === dirs && store.b === needs.b && store.signal === signal,
      none: store.none, logs: typeof store.log.info } };
  },`;
  place.plugin({ provides: 'a.v1', id: 'a', prelude: injected, code: needs + activate('a') });
  place.plugin({ provides: 'a2.v1', id: 'a2', prelude: injected, code: needs + activate('a2') });
  place.plugin({ provides: 'b.v1', id: 'b' });
  await using kernel = await place.boot();
  const shown = { same: true, none: undefined, logs: 'function' };
  expect(await kernel.get(point('a.v1'))).toEqual({ id: 'a', ...shown });
  expect(await kernel.get(point('a2.v1'))).toEqual({ id: 'a2', ...shown });
});

test('what one plugin registers is not seen by another', async () => {
  using place = new Place();
  place.plugin({
    provides: 'a.v1',
    id: 'a',
    code: `activate({ container }) { container.register('secret', { useValue: 1 }); return { instance: {} }; },`,
  });
  place.plugin({
    provides: 'b.v1',
    id: 'b',
    code: `activate({ container }) { return { instance: { id: String(container.isRegistered('secret', true)) } }; },`,
  });
  await using kernel = await place.boot();
  await kernel.get(point('a.v1'));
  expect((await kernel.get(point('b.v1'))).id).toBe('false');
});

test('a plugin with its own copy of plugin-api works', async () => {
  using place = new Place();
  const folder = place.plugin({ provides: 'content.v1', id: 'c' });
  const copy = path.join(folder, 'node_modules/@slipway/plugin-api');
  const original = path.dirname(fileURLToPath(import.meta.resolve('@slipway/plugin-api/package.json')));
  fs.mkdirSync(copy, { recursive: true });
  fs.cpSync(path.join(original, 'dist'), path.join(copy, 'dist'), { recursive: true });
  fs.copyFileSync(path.join(original, 'package.json'), path.join(copy, 'package.json'));
  fs.writeFileSync(
    path.join(folder, 'plugin.js'),
    `import { contentPoint, definePlugin, metadataPoint, optional, SlipwayError } from '@slipway/plugin-api';
    export const plugin = definePlugin({ provides: contentPoint, id: 'c', api: '1.0', needs: { metadata: optional(metadataPoint) },
      activate({ needs }) { return { instance: { id: 'own copy', where: import.meta.resolve('@slipway/plugin-api'), needs } }; } });`,
  );
  const own = (await import('./place.js')).stackPlugins().filter(({ manifest }) => manifest.id !== 'c');
  await using kernel = await place.boot({ builtin: own });
  const instance = await kernel.get(point('content.v1'));
  expect(instance).toMatchObject({ id: 'own copy', needs: { metadata: { id: 'm' } } });
  expect((instance as unknown as { where: string }).where).toContain(copy);
});

test('boot loads no plugin, no TOML parser without a file, no tsyringe; get loads the closure only', () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { b: { id: 'b.v1' }, c: { need: 'lazy', point: { id: 'c.v1' } } },` });
  place.plugin({ provides: 'b.v1', id: 'b' });
  place.plugin({ provides: 'c.v1', id: 'c' });
  const program = path.join(place.dir, 'program.mjs');
  fs.writeFileSync(
    program,
    `import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    await import('${import.meta.resolve('reflect-metadata')}');
    const { Kernel, loadConfig } = await import('${import.meta.resolve('@slipway/kernel')}');
    const { defaults, places, builtin } = JSON.parse(process.argv[2]);
    const config = await loadConfig({ defaults, folders: [places.etc], env: {} });
    const plugins = builtin.map(({ package: name, provides, id }) => ({
      manifest: { package: name, version: '1.0.0', provides, id, api: '1.0', declares: {} }, load: () => import('nowhere') }));
    await using kernel = await Kernel.boot({ config, places, builtin: plugins });
    kernel.status();
    const boot = [...loaded];
    await kernel.get({ id: 'a.v1' });
    console.log(JSON.stringify({ boot, get: loaded.slice(boot.length) }));`,
  );
  const { etc, system, installation } = place;
  const argument = JSON.stringify({
    defaults: place.defaults,
    places: { etc, system, installation },
    builtin: ['metadata.v1/m', 'content.v1/c', 'resolver.v1/r', 'snapshotter.v1/s', 'runtime.v1/t'].map((address) => {
      const [provides = '', id = ''] = address.split('/');
      return { package: `@builtin/${id}`, provides, id };
    }),
  });
  const output = execFileSync(process.execPath, [program, argument], { encoding: 'utf8' });
  const { boot, get } = JSON.parse(output) as { boot: string[]; get: string[] };
  const packagesOf = (urls: string[]) => [...new Set(urls.map((url) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]))];
  expect(packagesOf(boot).filter((name) => name !== undefined)).toEqual(['reflect-metadata', 'valibot']);
  expect(
    get.filter((url) => url.startsWith('file:') && url.includes('/installation/')).map((url) => path.basename(path.dirname(url))),
  ).toEqual(['a', 'b']);
  expect(packagesOf(get)).toContain('tsyringe');
});
