import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openPlugin } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/runtime-runc';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-runc-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(config: Record<string, unknown>) {
  return openPlugin(plugin, { dirs: { root: path.join(folder, 'root'), state: path.join(folder, 'state') }, config });
}

test('runc is found in PATH and says its version', async () => {
  await using opened = await open({});
  expect(opened.capabilities).toEqual({ binary: expect.stringMatching(/^\/.*\/runc$/) });
  expect(await opened.instance.features()).toMatchObject({ version: expect.stringMatching(/^runc \d+\./) });
});

test('what is missing is skipped, with the package to install', async () => {
  await expect(open({ binary: '/nowhere/runc' })).rejects.toMatchObject({
    code: 'PLUGIN_SKIPPED',
    hint: 'install runc (apt-get install runc), or set binary in [plugin.runtime-runc]',
  });
});

test('a relative path and an unknown key are no configuration', async () => {
  await expect(open({ binary: 'bin/runc' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(open({ color: 'blue' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
