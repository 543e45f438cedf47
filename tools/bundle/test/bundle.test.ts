import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { imageLayout } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import { coreFile, isCore } from '../src/core.ts';
import { builtPackages } from '../src/packages.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const build = path.join(root, 'build');
const modules = path.join(build, 'node_modules');
const all = builtPackages(root);
const scratch = mkdtempSync(path.join(tmpdir(), 'slipway-bundle-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const places = ['--root', path.join(scratch, 'root'), '--state', path.join(scratch, 'state')];

/** Without the settings of whoever runs the test. */
const config = path.join(scratch, 'config.toml');
writeFileSync(config, 'version = 1\n', { mode: 0o600 });
const env = { PATH: process.env['PATH'], HOME: scratch, SLIPWAY_CONFIG: config };

function slipway(...args: string[]) {
  return spawnSync(path.join(build, 'bin/slipway'), [...places, ...args], { cwd: scratch, env, encoding: 'utf8' });
}

function textOf(...files: readonly string[]): string {
  return files.map((file) => readFileSync(path.join(modules, file), 'utf8')).join('\n');
}

describe('the bundled tree', () => {
  it('has every package, what it exports and starts threads with, the monitor and the init program', () => {
    for (const { manifest, exported, workers, libraries } of all) {
      for (const file of ['package.json', ...Object.values(exported), ...workers, ...libraries])
        expect(existsSync(path.join(modules, manifest.name, file)), `${manifest.name}/${file}`).toBe(true);
    }
    expect(existsSync(path.join(modules, '@slipway/monitor/bin/slipway-monitor'))).toBe(true);
    expect(existsSync(path.join(modules, '@slipway/monitor/bin/slipway-init'))).toBe(true);
    expect(existsSync(path.join(modules, '@slipway/plugin-testkit'))).toBe(false);
  });

  it('has each class of ours once in what a command loads', () => {
    const apart = all.filter((one) => !isCore(one));
    const bodies = [
      textOf(coreFile),
      ...apart.map(({ manifest, exported }) => textOf(...Object.values(exported).map((file) => `${manifest.name}/${file}`))),
    ];
    const having = (name: string): number =>
      bodies.filter((body) => new RegExp(`\\b${name}=class\\b|class ${name}\\b`).test(body)).length;
    for (const name of ['SlipwayError', 'Operation', 'LayerDiffer', 'OverlaySnapshotter']) expect(having(name), name).toBe(1);
  });

  it('does not have heavy libraries in files that they are not needed in', () => {
    expect(textOf('@slipway/resolver-registry/dist/undici-library.js')).toContain('UND_ERR');
    expect(textOf('@slipway/resolver-registry/dist/plugin.js')).not.toContain('UND_ERR_ABORTED');
    expect(textOf(coreFile)).not.toContain('UND_ERR_ABORTED');
  });

  it('runs from any folder, and finds its plugins', () => {
    expect(slipway('version', '--json').status).toBe(0);
    expect(slipway('config', 'check')).toMatchObject({ status: 0 });
    expect(slipway('images')).toMatchObject({ status: 0, stdout: expect.stringContaining('REPOSITORY') });
    const plugins = JSON.parse(slipway('plugins', 'ls', '--json').stdout) as readonly object[];
    expect(plugins.length).toBeGreaterThanOrEqual(8);
  });

  it('knows where it is: what it has beside it, and when it was made', () => {
    expect(slipway('doctor').stderr).not.toContain('unexpected failure');
  });

  it('gives ES modules of others the very classes that the engine uses', () => {
    const program = path.join(scratch, 'library.mjs');
    symlinkSync(modules, path.join(scratch, 'node_modules'));
    writeFileSync(
      program,
      `import { SlipwayError, volumePoint } from '@slipway/plugin-api';
      import { openHost } from 'slipway';
      const refused = await openHost({ stack: 'none' }).catch((error) => error);
      await using host = await openHost({ root: ${JSON.stringify(path.join(scratch, 'root'))}, state: ${JSON.stringify(path.join(scratch, 'state'))} });
      const volumes = await host.kernel.get(volumePoint);
      process.stdout.write(JSON.stringify([refused instanceof SlipwayError, refused.code, typeof volumes]));`,
    );
    const { stdout, stderr } = spawnSync(process.execPath, [program], { env, encoding: 'utf8' });
    expect([stdout, stderr]).toEqual(['[true,"STACK_UNKNOWN","object"]', '']);
  });

  it('runs plugins of others, which import plugin-api and tsyringe by their names', () => {
    const folder = path.join(scratch, 'acme');
    mkdirSync(folder);
    symlinkSync(modules, path.join(folder, 'node_modules'));
    const slipwayKey = { plugin: './plugin.js', provides: 'policy.v1', id: 'acme', api: '1.0' };
    writeFileSync(
      path.join(folder, 'package.json'),
      JSON.stringify({ name: 'acme', version: '1.0.0', type: 'module', slipway: slipwayKey }),
    );
    writeFileSync(
      path.join(folder, 'plugin.js'),
      `import { definePlugin, policyPoint, SlipwayError, tokens } from '@slipway/plugin-api';
      import { inject, injectable } from 'tsyringe';
      process.emitWarning('acme is young', 'ExperimentalWarning');
      class Policy {
        constructor(dirs) { this.dirs = dirs; }
        async check() {
          // Node tells warnings between two turns of its loop, and not when the process ends before.
          await new Promise((resolve) => setTimeout(resolve));
          throw new SlipwayError({ kind: 'permission-denied', code: 'ACME', message: 'acme keeps ' + this.dirs.root });
        }
      }
      inject(tokens.dirs)(Policy, undefined, 0);
      Reflect.defineMetadata('design:paramtypes', [Object], Policy);
      injectable()(Policy);
      export const plugin = definePlugin({ provides: policyPoint, id: 'acme', api: '1.0',
        activate: ({ container }) => ({ instance: container.resolve(Policy) }) });`,
    );
    const withAcme = path.join(scratch, 'acme.toml');
    writeFileSync(withAcme, `plugins.search = [${JSON.stringify(folder)}]\n`, { mode: 0o600 });
    const { status, stderr } = slipway('--config', withAcme, 'pull', `oci:${imageLayout('small')}:latest`);
    expect(stderr).toContain(`acme keeps ${path.join(scratch, 'root/policy.v1/acme')}`);
    expect(stderr.match(/ExperimentalWarning: .*/g)).toEqual(['ExperimentalWarning: acme is young']);
    expect(status).not.toBe(0);
  });

  it.each([
    [['version'], 2],
    [['images'], 8],
    [['ps'], 8],
  ])('loads few files for %j', (command, most) => {
    const hook = path.join(scratch, 'count.cjs');
    writeFileSync(
      hook,
      `const seen = new Set();
      require('node:module').registerHooks({ load: (url, context, next) => { if (url.startsWith('file:')) seen.add(url); return next(url, context); } });
      process.on('exit', () => process.stderr.write(JSON.stringify([...seen])));`,
    );
    const main = path.join(modules, '@slipway/cli/dist/main.js');
    const { stderr } = spawnSync(process.execPath, ['--require', hook, main, ...places, ...command], { env, encoding: 'utf8' });
    const scripts = (JSON.parse(stderr) as string[]).filter((url) => url.endsWith('js'));
    expect(scripts.length, stderr).toBeLessThanOrEqual(most);
  });
});
