import { execFileSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import { test } from './place.ts';

describe('a namespace that has gone', () => {
  test('is not taken for the one that was given its inode and its descriptor', async ({ network, host, attach, root }) => {
    await network.create('n');
    const namespace = host.namespace();
    await attach('gone', 'n', {}, namespace);
    const [gone] = await network.attachments('gone');
    // What is left of it when its namespace has gone: nothing. Which numbers come again is the kernel's choice: here they do.
    execFileSync('ip', ['link', 'delete', 'dev', gone?.hostInterface ?? '']);
    await attach('other', 'n', {}, namespace);
    await network.detach('gone');
    expect(host.inside(namespace, 'ip', '-o', 'link', 'show')).toContain('eth0');
    const [other] = await network.attachments('other');
    expect(host.state(root).interfaces).toContain(other?.hostInterface);
    await network.detach('other');
  });
});
