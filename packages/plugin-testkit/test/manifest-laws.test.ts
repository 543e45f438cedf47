import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ContentStore, contentPoint } from '@slipway/plugin-api';
import { manifestLaws, memoryContent } from '@slipway/plugin-testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GroupRunner } from './group-runner.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-manifest-'));
  mkdirSync(join(folder, 'dist'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const said = { plugin: './dist/plugin.js', provides: 'content.v1', id: 'test', api: '1.0' };
const code = { provides: { id: 'content.v1' }, id: 'test', api: '1.0' };
const agreement = 'package.json says of the plugin what its code says';

/** Laws that fail for a package that says `manifest` and whose code says `plugin`. */
async function failing(manifest: object, plugin: object, capabilities = {}, instance: Partial<ContentStore> = memoryContent()) {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', slipway: manifest }));
  const refusing = '{"~standard":{validate:(value)=>Object.keys(value).length?{issues:[{}]}:{value}}}';
  const config = 'config' in plugin ? `config:{"~standard":{validate:(value)=>({value})}}` : `config:${refusing}`;
  writeFileSync(join(folder, 'dist', 'plugin.js'), `export const plugin = {...${JSON.stringify(plugin)}, ${config}};`);
  const runner = new GroupRunner();
  const open = async () => ({ instance: instance as ContentStore, capabilities, [Symbol.asyncDispose]: async () => undefined });
  const contract = { point: contentPoint, methods: ['info', 'walk'], optionalMethods: { extra: ['status'] } } as const;
  manifestLaws(runner, open, contract, { manifest: pathToFileURL(join(folder, 'package.json')) });
  return await runner.failing(['manifest agreement']);
}

describe('manifest agreement', () => {
  const extra = { extra: true };

  it('holds for what agrees', async () => {
    expect(await failing(said, code, extra)).toEqual([]);
    const declares = { writes: ['directory'] };
    expect(await failing({ ...said, declares }, { ...code, declares }, extra)).toEqual([]);
  });

  it('fails for another id', async () => {
    expect(await failing(said, { ...code, id: 'other' }, extra)).toEqual([agreement]);
  });
  it('fails for another point', async () => {
    expect(await failing({ ...said, provides: 'metadata.v1' }, { ...code, provides: { id: 'metadata.v1' } }, extra)).toEqual([
      agreement,
    ]);
  });
  it('fails for another declaration', async () => {
    expect(await failing(said, { ...code, declares: { writes: [] } }, extra)).toEqual([agreement]);
  });
  it('fails for an api of the future', async () => {
    expect(await failing({ ...said, api: '1.99' }, { ...code, api: '1.99' }, extra)).toEqual([
      'it was built against a version of plugin-api that this one serves',
    ]);
  });
  it('fails for a configuration that takes anything', async () => {
    expect(await failing(said, { ...code, config: true }, extra)).toEqual([
      'its configuration refuses keys that it does not know',
    ]);
  });
  it('fails for a claim without the method, and a method without the claim', async () => {
    const law = 'the capability "extra" is claimed exactly when status can be called';
    expect(await failing(said, code)).toEqual([law]);
    const { info, walk } = memoryContent();
    expect(await failing(said, code, extra, { info, walk })).toEqual([law]);
  });
  it('fails for a missing method, and for capabilities that are no data', async () => {
    expect(await failing(said, code, { ...extra, odd: { deep: 1 } }, { status: memoryContent().status })).toEqual([
      'every method of the contract is there',
      'capabilities are plain data',
    ]);
  });
});
