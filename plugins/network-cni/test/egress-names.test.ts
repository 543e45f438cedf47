import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attached, onHosts, type TestOutside } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { NftEgress } from '../src/egress/nft-egress.ts';
import { openSubject } from './subject.ts';

// Names that a policy allows, asked of a resolver elsewhere.

const { runner, use } = onHosts({ describe, it });

async function world(answers: readonly string[]) {
  const stack = new AsyncDisposableStack();
  const root = stack.adopt(mkdtempSync(join(tmpdir(), 'slipway-names-')), (folder) =>
    rmSync(folder, { recursive: true, force: true }),
  );
  const { instance: network } = await openSubject(root);
  const outside = use().outside();
  let stop = resolver(root, outside, answers);
  stack.defer(() => stop());
  await network.create('n', { subnets: [{ subnet: '10.99.0.0/24' }, { subnet: 'fd99::/64' }] });
  stack.defer(async () => await network.cleanup(new Set()));
  const server = use().agent(outside);
  await server.serve('tcp', 'web', 443);
  await server.serve('tcp', 'other', 8443);
  return {
    network,
    outside,
    answer(now: readonly string[]) {
      stop();
      stop = resolver(root, outside, now);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** One that knows these names alone. Returns how to end it. */
function resolver(root: string, outside: TestOutside, answers: readonly string[]): () => void {
  const pidFile = join(root, 'upstream.pid');
  const own = [
    '--conf-file=/dev/null',
    '--no-hosts',
    '--no-resolv',
    '--user=root',
    '--bind-interfaces',
    `--listen-address=${outside.addresses[4]}`,
  ];
  use().inside(outside, 'dnsmasq', ...own, `--pid-file=${pidFile}`, ...answers);
  return () => {
    try {
      process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
    } catch {
      // It was ended before.
    }
    rmSync(pidFile, { force: true });
  };
}

runner.describe('names of an egress policy', () => {
  runner.it('are answered, also through other names, and their addresses are reached at the port that is allowed', async () => {
    const { 4: four, 6: six } = { 4: '203.0.113.2', 6: '2001:db8:203::2' };
    await using place = await world([
      `--host-record=web.example,${four},${six}`,
      `--host-record=cdn.elsewhere.example,${four}`,
      '--cname=alias.example,cdn.elsewhere.example',
      `--host-record=a.b.zone.example,${four}`,
      '--host-record=other.example,203.0.113.2',
    ]);
    const allow = [
      { host: 'web.example', port: 443 },
      { host: 'Alias.Example.', port: 443, protocol: 'tcp' as const },
      { host: '*.zone.example', port: 443 },
    ];
    const one = await attached(place.network, use(), 'one', ['n'], {
      egress: { allow },
      nameservers: [place.outside.addresses[4]],
    });
    const [nameserver = ''] = one.attachments[0]?.nameservers ?? [];
    const ask = (name: string, family: 4 | 6 = 4): Promise<string> => one.agent.resolve(name, family, nameserver);
    // Before its name was asked for, an address is nobody's.
    assert.match(await one.agent.ask({ protocol: 'tcp', host: four, port: 443, timeoutMs: 400 }), /^(timeout|E)/);
    for (const name of ['web.example', 'alias.example', 'a.b.zone.example']) assert.equal(await ask(name), four, name);
    assert.equal(await ask('web.example', 6), six);
    for (const host of [four, six]) {
      assert.match(await one.agent.asks({ protocol: 'tcp', host, port: 443 }, /^web/), /^web/);
      assert.match(await one.agent.ask({ protocol: 'tcp', host, port: 8443, timeoutMs: 400 }), /^(timeout|E)/);
    }
    for (const name of ['other.example', 'x.web.example', 'zone.example', 'cdn.elsewhere.example', 'example']) {
      assert.doesNotMatch(await ask(name), /^[\d:]/, name);
    }
    // Its resolver is nobody else's.
    const peer = await attached(place.network, use(), 'peer', ['n']);
    const ports = execFileSync('nft', ['list', 'set', 'inet', 'slipway_egress', 'resolver_ports'], { encoding: 'utf8' });
    const port = /elements = \{ (\d+)/.exec(ports)?.[1] ?? '';
    for (const { agent } of [peer, one]) assert.doesNotMatch(await agent.resolve('web.example', 4, `10.99.0.1:${port}`), /^\d/);
  });

  runner.it('lead to the addresses of now: what a name no longer means is closed in the end', async () => {
    await using place = await world(['--host-record=web.example,203.0.113.2']);
    const root = mkdtempSync(join(tmpdir(), 'slipway-names-'));
    const egress = new NftEgress(join(root, 'egress'), { nameSeconds: 2, graceSeconds: 1 });
    const one = await attached(place.network, use(), 'one', ['n']);
    const [attachment] = one.attachments;
    const policy = { allow: [{ host: 'web.example', port: 443 }] };
    const { nameservers } = await egress.restrict(
      'one',
      policy,
      [{ hostInterface: attachment!.hostInterface!, mac: attachment!.mac, addresses: attachment!.addresses }],
      [place.outside.addresses[4]],
    );
    const resolve = (): Promise<string> => one.agent.resolve('web.example', 4, nameservers[0] ?? '');
    assert.equal(await resolve(), '203.0.113.2');
    const target = { protocol: 'tcp', host: '203.0.113.2', port: 443 } as const;
    assert.match(await one.agent.asks(target, /^web/), /^web/);
    // As long as it is asked for, it stays.
    for (let round = 0; round < 4; round++) {
      await new Promise((done) => setTimeout(done, 1000));
      assert.equal(await resolve(), '203.0.113.2');
      assert.match(await one.agent.asks(target, /^web/), /^web/);
    }
    use().inside(place.outside, 'ip', 'address', 'add', '203.0.113.9/24', 'dev', 'out1');
    place.answer(['--host-record=web.example,203.0.113.9']);
    assert.equal(await resolve(), '203.0.113.9');
    assert.match(await one.agent.asks({ ...target, host: '203.0.113.9' }, /^web/), /^web/);
    let answer = '';
    for (let tries = 0; tries < 100 && !/^(timeout|E)/.test(answer); tries++) {
      await new Promise((done) => setTimeout(done, 1500));
      answer = await one.agent.ask({ ...target, timeoutMs: 1200 });
    }
    assert.match(answer, /^(timeout|E)/);
    await egress.release('one');
    assert.match(await one.agent.asks(target, /^web/), /^web/);
    rmSync(root, { recursive: true, force: true });
  });

  runner.it('are answered again after the resolver was killed, by the next cleanup', async () => {
    await using place = await world(['--host-record=web.example,203.0.113.2']);
    const one = await attached(place.network, use(), 'one', ['n'], {
      egress: { allow: [{ host: 'web.example', port: 443 }] },
      nameservers: [place.outside.addresses[4]],
    });
    const [nameserver = ''] = one.attachments[0]?.nameservers ?? [];
    assert.equal(await one.agent.resolve('web.example', 4, nameserver), '203.0.113.2');
    // Other tests have the same at the same time, on hosts of their own.
    const isHere = (pid: number): boolean => readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/thread-self/ns/net');
    const own = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes('--nftset=/web.example/') && line.includes(`/egress/one/pid`))
      .filter((line) => isHere(Number.parseInt(line, 10)));
    assert.equal(own.length, 1);
    process.kill(Number.parseInt(own[0] ?? '', 10), 'SIGKILL');
    assert.doesNotMatch(await one.agent.resolve('web.example', 4, nameserver), /^\d/);
    await place.network.cleanup(new Set(['one']));
    assert.equal(await one.agent.resolve('web.example', 4, nameserver), '203.0.113.2');
  });
});
