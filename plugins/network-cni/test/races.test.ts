import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attached } from '@slipway/plugin-testkit';
import { describe } from 'vitest';
import { tryLockPath } from '../dist/locks.js';
import { lockFolder } from '../dist/names/locked-folder.js';
import { NetworkFolder } from '../dist/names/network-folder.js';
import { test } from './place.ts';

/** A program of the host that fails this often first, as the real one does when it is too late. */
function failing(root: string, program: string, times: number, says: string, code: number): Disposable & { failed(): number } {
  const folder = path.join(root, `bin-${program}`);
  mkdirSync(folder);
  const real = execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
  const failures = path.join(folder, 'failures');
  const file = path.join(folder, program);
  writeFileSync(
    file,
    `#!/bin/sh
if [ "$1" != --version ] && [ "$(cat ${failures} 2>/dev/null | wc -l)" -lt ${times} ]; then
  echo failure >> ${failures}
  echo "${says}" >&2
  exit ${code}
fi
exec ${real} "$@"
`,
  );
  chmodSync(file, 0o755);
  const before = process.env['PATH'];
  process.env['PATH'] = `${folder}:${before}`;
  return {
    failed: () => (existsSync(failures) ? readFileSync(failures, 'utf8').split('\n').length - 1 : 0),
    [Symbol.dispose]() {
      process.env['PATH'] = before;
    },
  };
}

/** The first dnsmasq is one that another has begun to start: it listens, its number is not written yet, and there is no room for a second. */
function startedByAnother(root: string): Disposable & { starts(): number } {
  const folder = path.join(root, 'bin-started');
  mkdirSync(folder);
  const real = execFileSync('sh', ['-c', 'command -v dnsmasq'], { encoding: 'utf8' }).trim();
  const starts = path.join(folder, 'starts');
  writeFileSync(
    path.join(folder, 'dnsmasq'),
    `#!/bin/sh
[ "$1" = --version ] && exec ${real} "$@"
for arg; do case $arg in --pid-file=*) file=\${arg#*=} ;; esac; done
echo start >> ${starts}
${real} "$@" || exit
mv "$file" "$file.late"
(sleep 0.3; mv "$file.late" "$file") >/dev/null 2>&1 &
echo "dnsmasq: failed to create listening socket for 10.0.0.1: Address already in use" >&2
exit 2
`,
  );
  chmodSync(path.join(folder, 'dnsmasq'), 0o755);
  const before = process.env['PATH'];
  process.env['PATH'] = `${folder}:${before}`;
  return {
    starts: () => readFileSync(starts, 'utf8').split('\n').length - 1,
    [Symbol.dispose]() {
      process.env['PATH'] = before;
    },
  };
}

const noDevice = 'dnsmasq: failed to find list of interfaces: No such device';

describe('what others change meanwhile', () => {
  test('an interface that goes while a resolver looks at all of them: the resolver is started again', async (place) => {
    await place.network.create('n');
    using wrapper = failing(place.root, 'dnsmasq', 7, noDevice, 5);
    const one = await attached(place.network, place.host, 'one', ['n']);
    assert.equal(wrapper.failed(), 7);
    assert.equal(await one.agent.resolve('one', 4, one.attachments[0]?.nameservers[0] ?? ''), one.address());
    await place.network.detach('one', { namespace: one.namespace.path });
  });

  test('a resolver that never finds its interfaces is not started for ever, and nobody is attached then', async (place) => {
    await place.network.create('n');
    {
      using wrapper = failing(place.root, 'dnsmasq', 1000, noDevice, 5);
      await assert.rejects(place.attach('one', 'n'), /"dnsmasq" ended with code 5: dnsmasq: failed to find list of interfaces/);
      assert.equal(wrapper.failed(), 20);
    }
    assert.deepEqual(await place.network.attachments('one'), []);
    await place.network.remove('n');
  });

  test('bug: an address whose plugin was killed before it wrote down whose it is stayed taken', async (place) => {
    await place.network.create('n');
    await place.attach('other', 'n');
    const given = (): readonly string[] =>
      place.host.state(place.root).files.filter((file) => /\/addresses\/n\/[\d.]+$/.test(file));
    const [kept = ''] = given();
    writeFileSync(path.join(place.root, path.dirname(kept), '10.89.0.77'), '');
    await place.attach('one', 'n');
    await place.network.detach('one');
    assert.deepEqual(given(), [kept]);
    await place.network.detach('other');
    assert.deepEqual(given(), []);
  });

  test('bug: a resolver whose start went on when its starter had been killed was taken for another program', async (place) => {
    await place.network.create('n');
    using starter = startedByAnother(place.root);
    const one = await attached(place.network, place.host, 'one', ['n']);
    assert.equal(starter.starts(), 1);
    assert.equal(await one.agent.resolve('one', 4, one.attachments[0]?.nameservers[0] ?? ''), one.address());
    await place.network.detach('one', { namespace: one.namespace.path });
  });

  test(
    'a flow that ends while flows to a port are forgotten: the others are forgotten',
    async (place) => {
      await place.network.create('n');
      using wrapper = failing(
        place.root,
        'conntrack',
        3,
        "conntrack v1.4.7 (conntrack-tools): Operation failed: such conntrack doesn't exist",
        1,
      );
      const ports = [{ protocol: 'udp', hostAddress: '0.0.0.0', hostPort: 5353, containerPort: 53 }] as const;
      await place.attach('one', 'n', { ports });
      assert.equal(wrapper.failed(), 3);
      await place.network.detach('one');
    },
    { firewall: 'nftables' },
  );

  test('an address that is given back while the addresses of nobody are looked for', async (place) => {
    await place.network.create('n', { subnets: [{ subnet: '10.99.0.0/24' }] });
    await place.attach('one', 'n');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const folder = path.join(place.root, 'state', boot, 'addresses/n');
    // Its name is there, and what it says is not to be had any more.
    symlinkSync('nowhere', path.join(folder, '10.99.0.77'));
    writeFileSync(path.join(folder, '10.99.0.78'), 'nobody\r\neth0');
    await place.network.cleanup(new Set(['one']));
    assert.equal(existsSync(path.join(folder, '10.99.0.78')), false);
    await place.network.detach('one');
  });

  test('a network that is removed and created again while somebody waits to join it is what it is now', async (place) => {
    await place.network.create('n', { subnets: [{ subnet: '10.98.0.0/24' }] });
    const file = path.join(place.root, 'plugin/networks/n.conflist');
    const lock = tryLockPath(file, 'exclusive');
    const joins = place.attach('one', 'n');
    const removes = place.network.remove('n').then(
      () => 'removed',
      (error: unknown) => String(error),
    );
    // Both have found it, and wait.
    await sleep(100);
    rmSync(file);
    const created = await place.network.create('n', { subnets: [{ subnet: '10.99.0.0/24' }], options: { bridge: 'other0' } });
    lock?.[Symbol.dispose]();
    const [attachment] = await joins.catch(() => []);
    if (attachment === undefined) assert.equal(await removes, 'removed');
    else {
      assert.match(attachment.addresses[0] ?? '', /^10\.99\.0\./);
      assert.match(await removes, /one is attached/);
      assert.match(execFileSync('ip', ['-o', 'link', 'show', 'master', 'other0'], { encoding: 'utf8' }), /veth/);
      await place.network.detach('one');
    }
    assert.equal(created.bridge, 'other0');
  });

  test('a folder of names that its last user removes while the next one waits for it: nothing comes into it', async ({
    root,
  }) => {
    const folder = new NetworkFolder(path.join(root, 'n'));
    const first = await lockFolder(folder, true);
    const waits = lockFolder(folder, true);
    rmSync(path.join(root, 'n/seen'), { recursive: true });
    rmSync(path.join(root, 'n/new'), { recursive: true });
    await sleep(50);
    assert.deepEqual(readdirSync(folder.path), []);
    folder.remove();
    first[Symbol.dispose]();
    using _second = await waits;
    assert.deepEqual(readdirSync(folder.path).sort(), ['new', 'seen']);
  });

  test('a container that goes while the names of its network are read', async ({ root }) => {
    const folder = new NetworkFolder(path.join(root, 'n'));
    mkdirSync(folder.path);
    folder.fill();
    folder.setHosts('one', '10.99.0.2 one.n one\n');
    symlinkSync('nowhere', path.join(folder.hosts, 'two'));
    assert.deepEqual(folder.names(), ['n', 'one.n', 'one']);
  });

  test('a container with an egress policy that goes while its resolver, which was killed, is to be started again', async (place) => {
    await place.network.create('n');
    await place.attach('one', 'n', { egress: { allow: [{ host: 'example.com', port: 443 }] } });
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const folder = path.join(place.root, 'state', boot, 'egress/one');
    process.kill(Number(readFileSync(path.join(folder, 'pid'), 'utf8')), 'SIGKILL');
    const lock = tryLockPath(folder, 'exclusive');
    const cleans = place.network.cleanup(new Set(['one']));
    await sleep(300);
    rmSync(folder, { recursive: true });
    lock?.[Symbol.dispose]();
    await cleans;
    assert.equal(existsSync(folder), false);
    await place.network.detach('one');
    assert.deepEqual(place.host.state(place.root).processes, []);
  });
});
