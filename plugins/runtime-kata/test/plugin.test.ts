import 'reflect-metadata';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

test('QEMU that is missing is told when it is asked for, with the package to install: containers that are there do not need it', async () => {
  await using opened = await open({ qemu: '/nowhere/qemu', accel: 'tcg' });
  const { instance } = opened;
  const missing = {
    kind: 'failed-precondition',
    code: 'VMM_MISSING',
    message: expect.stringContaining('"/nowhere/qemu"'),
    hint: expect.stringContaining('apt-get install --no-install-recommends qemu-system-x86'),
  };
  await expect(instance.features()).rejects.toMatchObject(missing);
  await expect(instance.state('c')).rejects.toMatchObject({ kind: 'not-found' });
  await instance.delete('c');
  const bundle = path.join(folder, 'bundle');
  mkdirSync(bundle);
  const process = { user: { uid: 0, gid: 0 }, args: ['true'], cwd: '/' };
  writeFileSync(
    path.join(bundle, 'config.json'),
    JSON.stringify({ ociVersion: '1.0.2', root: { path: 'rootfs' }, process, linux: {} }),
  );
  const stdio = { stdin: 'null', stdout: 'null', stderr: 'null' } as const;
  const rootfs = [{ kind: 'layers', lower: [] }] as const;
  await expect(instance.create({ id: 'c', bundle, rootfs, stdio, dieWithParent: true, keepOpen: [] })).rejects.toMatchObject(
    missing,
  );
  await expect(instance.state('c')).rejects.toMatchObject({ kind: 'not-found' });
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
    { shared_fs: 'nfs' },
    { accel: 'magic' },
    { kernel: 'relative' },
    { qemu: 'bin/qemu' },
  ])
    await expect(open(config), JSON.stringify(config)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
