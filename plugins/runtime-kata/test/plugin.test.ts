import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openPlugin } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/runtime-kata';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-kata-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(config: Record<string, unknown>) {
  return openPlugin(plugin, { dirs: { root: path.join(folder, 'root'), state: path.join(folder, 'state') }, config });
}

test('QEMU that is missing is skipped, with the package to install', async () => {
  await expect(open({ qemu: '/nowhere/qemu' })).rejects.toMatchObject({
    code: 'PLUGIN_SKIPPED',
    hint: expect.stringContaining('apt-get install --no-install-recommends qemu-system-x86'),
  });
});

test('a kernel that is missing is told when it is asked for, with the package to install', async () => {
  await using opened = await open({ kernel: '/nowhere/vmlinuz' });
  await expect(opened.instance.features()).rejects.toMatchObject({
    kind: 'failed-precondition',
    code: 'KERNEL_MISSING',
    hint: expect.stringContaining('linux-image-cloud-amd64'),
  });
});

test('an image of the operator needs its kernel', async () => {
  await using opened = await open({ image: '/some/initrd' });
  await expect(opened.instance.features()).rejects.toMatchObject({ kind: 'failed-precondition', code: 'KERNEL_MISSING' });
});

test('what is no configuration is refused', async () => {
  for (const config of [
    { color: 'blue' },
    { memory: 1 },
    { vmm: 'firecracker' },
    { accel: 'magic' },
    { kernel: 'relative' },
    { qemu: 'bin/qemu' },
  ])
    await expect(open(config), JSON.stringify(config)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
