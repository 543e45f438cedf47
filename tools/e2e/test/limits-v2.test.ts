import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { imageLayout } from '@slipway/fixtures';
import { bootMachine, copyInstallation, makeDisk } from '@slipway/machine';
import { build } from 'esbuild';
import { beforeAll, expect, it } from 'vitest';
import { machineChecks, type Outcome } from '../src/limits/machine-checks.ts';

/**
 * Limits on cgroup v2, with systemd and without, whatever this host has: in one boot of a virtual machine with what `npm run build` made. Emulated, it is ten times
 * slower than the host.
 */
const repository = path.resolve(import.meta.dirname, '../../..');
const outcomes = new Map<string, Outcome>();
let said: readonly string[] = [];

beforeAll(async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-limits-v2-'));
  try {
    const tree = path.join(folder, 'tree');
    mkdirSync(tree);
    copyInstallation(repository, tree);
    // Beside the packages that they import; one file, without types, which Node would take away with WebAssembly.
    await build({
      entryPoints: [path.join(repository, 'tools/e2e/src/limits/guest.ts')],
      outfile: path.join(tree, 'build/checks/guest.js'),
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
    });
    writeFileSync(path.join(tree, 'build/checks/package.json'), '{"type":"module"}');
    cpSync(imageLayout('small'), path.join(tree, 'image'), { recursive: true });
    const lines = [
      'export PATH=/machine/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root',
      // Machine code that is made while a program runs is what an emulator is slowest with.
      'export NODE_OPTIONS=--jitless',
      'exec node /machine/build/checks/guest.js',
    ];
    writeFileSync(path.join(tree, 'start'), `${lines.join('\n')}\n`);
    const disk = path.join(folder, 'disk.ext4');
    makeDisk(disk, tree, 512);
    rmSync(tree, { recursive: true });
    said = await bootMachine({ disk, memoryMegabytes: 1024, limitMs: 1_200_000 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const line of said.filter((each) => each.startsWith('{"check":'))) {
    const outcome = JSON.parse(line) as Outcome;
    outcomes.set(outcome.check, outcome);
  }
}, 1_500_000);

it.each(machineChecks.map(({ name }) => name))('in the machine, %s', (name) => {
  const outcome = outcomes.get(name);
  expect(outcome, `it was not carried out; the machine said:\n${said.slice(-50).join('\n')}`).toBeDefined();
  expect(outcome?.error).toBeUndefined();
});
