import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { test } from './place.ts';

describe('a network', () => {
  test('of addresses that no host can have is refused', async ({ network }) => {
    const refused = ['127.5.0.0/24', '224.1.0.0/24', '240.0.0.0/8', 'fe80::/64', 'ff05::/64', '::/64'];
    for (const subnet of refused)
      await expect(network.create('n', { subnets: [{ subnet }] })).rejects.toMatchObject({ kind: 'invalid-argument' });
    expect(await network.list()).toEqual([]);
  });

  test("on a bridge that is called as the kernel's settings for all interfaces is refused", async ({ network }) => {
    for (const bridge of ['all', 'default'])
      await expect(network.create('n', { options: { bridge } })).rejects.toMatchObject({ kind: 'invalid-argument' });
  });

  test('whose file is damaged can be removed, and hinders no other one', async ({ network, attach, root }) => {
    const { file } = await network.create('bad');
    await network.create('good');
    writeFileSync(file ?? '', '{');
    await expect(network.inspect('bad')).rejects.toMatchObject({ code: 'NETWORK_DAMAGED' });
    expect((await network.list()).map(({ name }) => name)).toEqual(['good']);
    await network.create('new');
    await attach('c', 'good');
    await network.cleanup(new Set(['c']));
    await network.detach('c');
    await network.remove('bad');
    expect(readdirSync(path.join(root, 'plugin', 'networks')).sort()).toEqual(['good.conflist', 'new.conflist']);
    await network.create('bad');
  });
});

describe('a plugin that leaves a process behind which has its pipes', () => {
  test('is given up when the attach is canceled', async ({ network, plugins, attach }) => {
    await network.create('n');
    plugins.add('bridge', `[ "$CNI_COMMAND" = ADD ] && { setsid sleep 10000 & touch ${plugins.folder}/began; sleep 10000; }`);
    const abort = new AbortController();
    const attached = attach('c', 'n', { signal: abort.signal });
    attached.catch(() => undefined);
    while (!readdirSync(plugins.folder).includes('began')) await sleep(10);
    abort.abort();
    await expect(attached).rejects.toMatchObject({ kind: 'canceled' });
  });
});

describe('an attach that fails and cannot be taken back', () => {
  test('tells both, and is taken back when that can be', async ({ network, plugins, attach }) => {
    await network.create('n');
    const failing = (word: string) => `echo '{"cniVersion":"1.0.0","code":123,"msg":"'$CNI_COMMAND' ${word}"}'; exit 1`;
    plugins.add('bridge', failing('went wrong'));
    const attached = attach('c', 'n');
    await expect(attached).rejects.toMatchObject({ code: 'CNI_PLUGIN_FAILED' });
    await expect(attached).rejects.toThrow(/ADD went wrong; and it could not be taken back: .*DEL went wrong/);
    plugins.add('bridge');
    await network.cleanup(new Set());
    await network.remove('n');
  });
});
