import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attached, onHosts } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './subject.ts';

const { runner, use } = onHosts({ describe, it });

runner.describe('nameservers of one container', () => {
  runner.it('are asked for names that are none of its network, by it alone, and its network is still known to it', async () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-upstream-'));
    const { instance: network } = await openSubject(root);
    const outside = use().outside();
    const pidFile = join(root, 'upstream.pid');
    const own = ['--conf-file=/dev/null', '--no-hosts', '--no-resolv', '--user=root', '--bind-interfaces'];
    const listen = `--listen-address=${outside.addresses[4]}`;
    use().inside(
      outside,
      'dnsmasq',
      ...own,
      listen,
      `--pid-file=${pidFile}`,
      '--host-record=elsewhere.example,192.0.2.7',
      '--address=/n/192.0.2.8',
    );
    try {
      await network.create('n', { subnets: [{ subnet: '10.99.0.0/24' }] });
      const one = await attached(network, use(), 'one', ['n'], { nameservers: [outside.addresses[4]] });
      const two = await attached(network, use(), 'two', ['n']);
      const [nameserver = ''] = one.attachments[0]?.nameservers ?? [];
      assert.equal(await one.agent.resolve('elsewhere.example', 4, nameserver), '192.0.2.7');
      assert.equal(await one.agent.resolve('two', 4, nameserver), two.address());
      // Of the network's own domain nobody else is asked.
      for (const name of ['nobody', 'nobody.n']) assert.doesNotMatch(await one.agent.resolve(name, 4, nameserver), /^\d/);
      assert.doesNotMatch(await two.agent.resolve('elsewhere.example', 4, nameserver), /^192/);
      assert.equal(await two.agent.resolve('one', 4, nameserver), one.address());
      // Whoever was killed is back after the next cleanup.
      const running = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' }).split('\n');
      for (const line of running.filter((each) => each.includes(`--pid-file=${root}/`) && each.includes('/names/'))) {
        process.kill(Number.parseInt(line, 10), 'SIGKILL');
      }
      assert.doesNotMatch(await two.agent.resolve('one', 4, nameserver), /^\d/);
      await network.cleanup(new Set(['one', 'two']));
      assert.equal(await two.agent.resolve('one', 4, nameserver), one.address());
      assert.equal(await one.agent.resolve('elsewhere.example', 4, nameserver), '192.0.2.7');
      await network.detach('one', { namespace: one.namespace.path });
      const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
      assert.deepEqual(
        processes.filter((line) => line.includes(`--pid-file=${root}/`) && line.includes('/own/')),
        [],
      );
      assert.equal(execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' }).includes(one.address()), false);
      assert.doesNotMatch(await two.agent.resolve('one', 4, nameserver), /^\d/);
    } finally {
      await network.cleanup(new Set());
      process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
      rmSync(root, { recursive: true, force: true });
    }
  });

  runner.it('are no way out of an internal network, nor are those of the host', async () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-upstream-'));
    const { instance: network } = await openSubject(root);
    const outside = use().outside();
    const pidFile = join(root, 'upstream.pid');
    const own = ['--conf-file=/dev/null', '--no-hosts', '--no-resolv', '--user=root', '--bind-interfaces'];
    const listen = `--listen-address=${outside.addresses[4]}`;
    use().inside(outside, 'dnsmasq', ...own, listen, `--pid-file=${pidFile}`, '--host-record=secret.example,192.0.2.7');
    try {
      await network.create('n', { internal: true });
      const one = await attached(network, use(), 'one', ['n'], { nameservers: [outside.addresses[4]] });
      const two = await attached(network, use(), 'two', ['n']);
      const [nameserver = ''] = one.attachments[0]?.nameservers ?? [];
      const resolvers = (): string[] => {
        const lines = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' }).split('\n');
        return lines.filter((line) => line.includes(`--pid-file=${root}/`) && line.includes('/names/'));
      };
      const check = async (): Promise<void> => {
        assert.equal(await two.agent.resolve('one', 4, nameserver), one.address());
        for (const { agent } of [one, two]) assert.doesNotMatch(await agent.resolve('secret.example', 4, nameserver), /^192/);
        assert.deepEqual(
          resolvers().map((line) => [line.includes('--no-resolv'), line.includes('--server=')]),
          [[true, false]],
        );
      };
      await check();
      for (const line of resolvers()) process.kill(Number.parseInt(line, 10), 'SIGKILL');
      await network.cleanup(new Set(['one', 'two']));
      await check();
    } finally {
      await network.cleanup(new Set());
      process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
      rmSync(root, { recursive: true, force: true });
    }
  });
});
