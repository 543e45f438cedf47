import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { builtPackages } from '../src/packages.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const build = path.join(root, 'build');
const scratch = mkdtempSync(path.join(tmpdir(), 'slipway-bundle-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function slipway(...args: string[]) {
  const places = ['--root', path.join(scratch, 'root'), '--state', path.join(scratch, 'state')];
  return spawnSync(path.join(build, 'bin/slipway'), [...places, ...args], { cwd: scratch, encoding: 'utf8' });
}

describe('the bundled tree', () => {
  it('has every package, its entries, the monitor and the init program', () => {
    for (const { manifest, entries } of builtPackages(root)) {
      for (const entry of entries)
        expect(existsSync(path.join(build, 'node_modules', manifest.name, entry)), `${manifest.name}/${entry}`).toBe(true);
    }
    expect(existsSync(path.join(build, 'node_modules/@slipway/monitor/bin/slipway-monitor'))).toBe(true);
    expect(existsSync(path.join(build, 'node_modules/@slipway/engine/bin/slipway-init'))).toBe(true);
    expect(existsSync(path.join(build, 'node_modules/@slipway/plugin-testkit'))).toBe(false);
  });

  it('keeps packages apart: none has the code of another', () => {
    const bodies = builtPackages(root).map(({ manifest }) => {
      const dist = path.join(build, 'node_modules', manifest.name, 'dist');
      const files = readdirSync(dist).filter((file) => file.endsWith('.js'));
      return files.map((file) => readFileSync(path.join(dist, file), 'utf8')).join('\n');
    });
    const having = (pattern: RegExp): number => bodies.filter((body) => pattern.test(body)).length;
    expect(having(/\bSlipwayError = class\b|class SlipwayError\b/)).toBe(1);
    expect(having(/\bOperation = class\b|class Operation\b/)).toBe(1);
  });

  it('runs from any folder, and finds its plugins', () => {
    expect(slipway('version', '--json').status).toBe(0);
    expect(slipway('config', 'check')).toMatchObject({ status: 0 });
    expect(slipway('images')).toMatchObject({ status: 0, stdout: expect.stringContaining('REPOSITORY') });
    const plugins = JSON.parse(slipway('plugins', 'ls', '--json').stdout) as readonly object[];
    expect(plugins.length).toBeGreaterThanOrEqual(8);
  });

  it('loads no more files for a short command than it needs', () => {
    const count = path.join(scratch, 'count.mjs');
    const program = `import { registerHooks } from 'node:module';
      let files = 0;
      registerHooks({ load: (url, context, next) => { if (url.startsWith('file:')) files++; return next(url, context); } });
      process.on('exit', () => process.stderr.write('files ' + files));`;
    spawnSync('tee', [count], { input: program });
    const main = path.join(build, 'node_modules/@slipway/cli/dist/main.js');
    const places = ['--root', path.join(scratch, 'root'), '--state', path.join(scratch, 'state')];
    const { stderr } = spawnSync(process.execPath, ['--import', count, main, ...places, 'images'], { encoding: 'utf8' });
    expect(Number(/files (\d+)/.exec(stderr)?.[1])).toBeLessThan(80);
  });
});
