import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { type Place, test } from './place.ts';

/** As an administrator would write it. */
const chain = (...types: readonly string[]) => ({
  cniVersion: '1.0.0',
  name: 'host-net',
  plugins: [
    {
      type: 'bridge',
      bridge: 'test0',
      isGateway: true,
      ipMasq: true,
      ipam: {
        type: 'host-local',
        dataDir: '/run/slipway-network-cni-test',
        ranges: [[{ subnet: '10.77.0.0/24' }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    ...types.map((type) => ({ type, capabilities: { portMappings: true, aliases: true } })),
  ],
});

const scoped = (place: Place, configuration: ReturnType<typeof chain>): ReturnType<typeof chain> => {
  const [bridge, ...others] = configuration.plugins;
  if (bridge === undefined || !('ipam' in bridge)) return configuration;
  return { ...configuration, plugins: [{ ...bridge, ipam: { ...bridge.ipam, dataDir: `${place.root}/addresses` } }, ...others] };
};

const types = ['portmap', 'firewall', 'tuning'];
const failing = `[ "$CNI_COMMAND" = ADD ] && { echo 'what it printed' >&2; echo '{"cniVersion":"1.0.0","code":123,"msg":"no such thing","details":"at all"}'; exit 1; }`;
const ports = [{ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 47_001, containerPort: 80 }] as const;

describe('a chain', () => {
  for (let index = 0; index <= types.length; index++) {
    test(`whose plugin ${index + 1} fails leaves nothing, and is told with the plugin's name, code and words`, async (place) => {
      const { configure, plugins, attach, network, host, root } = place;
      configure('10-test.conflist', scoped(place, chain(...types)));
      await attach('before', 'host-net', { ports });
      await network.detach('before');
      plugins.add('broken', failing);
      const before = host.state(root);
      configure('10-test.conflist', scoped(place, chain(...types.slice(0, index), 'broken', ...types.slice(index))));
      const namespace = host.namespace();
      const attached = attach('c', 'host-net', { ports }, namespace);
      await expect(attached).rejects.toMatchObject({
        code: 'CNI_PLUGIN_FAILED',
        hint: 'it printed: what it printed',
        details: { code: 123, message: 'no such thing; at all', printed: 'what it printed\n' },
      });
      await expect(attached).rejects.toThrow(/plugin ".*\/plugins\/broken" ADD failed with code 123: no such thing; at all/);
      expect(host.inside(namespace, 'ip', '-o', 'link', 'show').trim().split('\n')).toHaveLength(1);
      expect(await network.attachments('c')).toEqual([]);
      // The DEL of whoever failed is called, too.
      expect(plugins.calls().map(({ command }) => command)).toEqual(['ADD', 'DEL']);
      rmSync(`${plugins.folder}/calls-lock`);
      for (const file of execFileSync('ls', [plugins.folder], { encoding: 'utf8' }).split('\n')) {
        if (file.startsWith('input-')) rmSync(`${plugins.folder}/${file}`);
      }
      const { files, ...after } = host.state(root);
      expect({ ...after, files: files.filter((file) => !/^plugins\/|^net.d\//.test(file)) }).toEqual({
        ...before,
        files: before.files.filter((file) => !/^plugins\/|^net.d\//.test(file)),
      });
    });
  }

  test('of our own network whose last plugin fails leaves nothing', async ({ plugins, attach, network, host, root }) => {
    await network.create('n');
    await attach('before', 'n', { ports });
    await network.detach('before');
    const before = host.state(root);
    plugins.add('firewall', failing);
    await expect(attach('c', 'n', { ports })).rejects.toMatchObject({ code: 'CNI_PLUGIN_FAILED' });
    rmSync(`${plugins.folder}`, { recursive: true });
    const after = host.state(root);
    for (const kind of ['interfaces', 'addresses', 'rules', 'processes'] as const) expect(after[kind]).toEqual(before[kind]);
    expect(after.files.filter((file) => !file.startsWith('plugins'))).toEqual(
      before.files.filter((file) => !file.startsWith('plugins')),
    );
  });

  test('is called as the specification says', async (place) => {
    const { configure, plugins, attach, network, host } = place;
    for (const type of ['one', 'two']) plugins.add(type);
    configure('10-test.conflist', scoped(place, chain('one', 'two')));
    const namespace = host.namespace();
    const join = { network: 'host-net', aliases: ['web'], addresses: ['10.77.0.9'], mac: '02:42:ac:11:00:07' };
    const [attachment] = await attach('c', 'host-net', { ports, networks: [join] }, namespace);
    expect(attachment).toMatchObject({ addresses: ['10.77.0.9/24'], mac: '02:42:ac:11:00:07', gateways: ['10.77.0.1'] });
    await network.detach('c', { namespace: namespace.path });
    const calls = plugins.calls();
    expect(calls.map(({ type, command }) => [type, command])).toEqual([
      ['one', 'ADD'],
      ['two', 'ADD'],
      ['two', 'DEL'],
      ['one', 'DEL'],
    ]);
    for (const { env, input, type } of calls) {
      expect(env).toMatchObject({
        CNI_CONTAINERID: 'c',
        CNI_IFNAME: 'eth0',
        CNI_NETNS: namespace.path,
        CNI_PATH: `${plugins.folder}:/usr/lib/cni`,
        CNI_ARGS: 'IgnoreUnknown=1;IP=10.77.0.9;MAC=02:42:ac:11:00:07',
      });
      expect(input).toMatchObject({
        type,
        name: 'host-net',
        cniVersion: '1.0.0',
        prevResult: { ips: [{ address: '10.77.0.9/24' }] },
        runtimeConfig: {
          aliases: { 'host-net': ['web'] },
          portMappings: [{ hostPort: 47_001, containerPort: 80, protocol: 'tcp', hostIP: '0.0.0.0' }],
        },
      });
      expect(input).not.toHaveProperty('capabilities');
    }
  });

  test('whose DEL fails is gone through to the end, in one error; what is left goes the next time', async (place) => {
    const { configure, plugins, attach, network, root } = place;
    plugins.add('one');
    plugins.add('two', `[ "$CNI_COMMAND" = DEL ] && [ ! -e ${root}/mended ] && { echo '{"code":7,"msg":"not now"}'; exit 1; }`);
    configure('10-test.conflist', scoped(place, chain('one', 'two', 'one')));
    await attach('c', 'host-net');
    plugins.calls();
    await expect(network.detach('c')).rejects.toThrow(/"two|two" DEL failed with code 7: not now/);
    expect(plugins.calls().map(({ type }) => type)).toEqual(['one', 'two', 'one']);
    expect(existsSync(`${root}/addresses/host-net/10.77.0.2`)).toBe(false);
    execFileSync('touch', [`${root}/mended`]);
    await network.detach('c');
    expect(await network.attachments('c')).toEqual([]);
    await network.detach('c');
  });

  test('is deleted as it was added, when the configuration has changed or gone', async (place) => {
    const { configure, plugins, attach, network, root } = place;
    for (const type of ['one', 'two']) plugins.add(type);
    configure('10-test.conflist', scoped(place, chain('one')));
    await attach('changed', 'host-net');
    configure('10-test.conflist', scoped(place, chain('two')));
    plugins.calls();
    await network.detach('changed');
    expect(plugins.calls().map(({ type }) => type)).toEqual(['one']);
    await attach('gone', 'host-net');
    plugins.calls();
    rmSync(`${root}/net.d/10-test.conflist`);
    await network.detach('gone');
    expect(plugins.calls().map(({ type }) => type)).toEqual(['two']);
  });

  test('of a missing plugin is failed-precondition, with what to install, before anything is made', async (place) => {
    const { configure, attach, network, host, root } = place;
    configure('10-test.conflist', scoped(place, chain('nowhere')));
    const before = host.state(root);
    await expect(attach('c', 'host-net')).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'CNI_PLUGIN_NOT_FOUND',
      hint: expect.stringContaining('apt install containernetworking-plugins') as string,
    });
    expect(host.state(root)).toEqual(before);
    expect(await network.attachments('c')).toEqual([]);
  });

  test('plugins that answer what is no result are told so, with an end', async (place) => {
    const { configure, plugins, attach } = place;
    configure('10-test.conflist', scoped(place, chain('odd')));
    for (const [script, words] of [
      ['echo nonsense; exit 0', /answered what is no JSON/],
      ['echo nonsense; exit 3', /ended with code 3/],
      [`echo '{"ips":[{"address":7}]}'; exit 0`, /its result is none/],
      ['head -c 3000000 /dev/zero | tr "\\0" x; sleep 100', /was killed by SIGKILL|answered what is no JSON/],
      ['kill -9 $$', /was killed by SIGKILL/],
    ] as const) {
      plugins.add('odd', `[ "$CNI_COMMAND" = ADD ] && { ${script}; }`);
      await expect(attach('c', 'host-net')).rejects.toThrow(words);
    }
  });

  test('that is canceled is killed with what it has started, and taken back', async (place) => {
    const { configure, plugins, attach, host, root, network } = place;
    plugins.add('slow', `[ "$CNI_COMMAND" = ADD ] && { touch ${root}/began; sleep 1000 & sleep 1000; }`);
    configure('10-test.conflist', scoped(place, chain('slow')));
    const abort = new AbortController();
    const attached = attach('c', 'host-net', { signal: abort.signal });
    attached.catch(() => undefined);
    while (!existsSync(`${root}/began`)) await sleep(5);
    abort.abort();
    await expect(attached).rejects.toMatchObject({ kind: 'canceled' });
    expect(host.state(root).processes.filter((line) => line.includes('sleep'))).toEqual([]);
    expect(existsSync(`${root}/addresses/host-net/10.77.0.2`)).toBe(false);
    expect(await network.attachments('c')).toEqual([]);
  });

  test('whose process was killed goes on; whoever detaches waits for its end', async (place) => {
    const { configure, plugins, network, root, host } = place;
    plugins.add('slow', `[ "$CNI_COMMAND" = ADD ] && { touch ${root}/began; sleep 2; touch ${root}/ended; }`);
    configure('10-test.conflist', scoped(place, chain('slow')));
    const namespace = host.namespace();
    const script = [
      `import { opener } from ${JSON.stringify(new URL('./subject.ts', import.meta.url).href)};`,
      `const { instance } = await opener({ plugin_folders: ${JSON.stringify(plugins.folders)} })(${JSON.stringify(root)});`,
      `setInterval(() => { try { process.getBuiltinModule('fs').statSync('${root}/began'); process.kill(process.pid, 'SIGKILL'); } catch {} }, 5);`,
      `await instance.attach({ id: 'c', namespace: ${JSON.stringify(namespace.path)}, networks: [{ network: 'host-net' }], names: [] });`,
    ].join('\n');
    const child = await new Promise<NodeJS.Signals | null>((resolve) => {
      spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: 'inherit' }).once('exit', (_, signal) =>
        resolve(signal),
      );
    });
    expect(child).toBe('SIGKILL');
    expect(existsSync(`${root}/ended`)).toBe(false);
    await network.detach('c');
    expect(existsSync(`${root}/ended`)).toBe(true);
    expect(existsSync(`${root}/addresses/host-net/10.77.0.2`)).toBe(false);
    expect(host.inside(namespace, 'ip', '-o', 'link', 'show').trim().split('\n')).toHaveLength(1);
  });

  test('that masquerades leaves no rule when its namespace went before', async (place) => {
    const { configure, attach, network, host } = place;
    configure('10-test.conflist', scoped(place, chain('portmap')));
    const rules = (): string => spawnSync('iptables-save', ['-t', 'nat'], { encoding: 'utf8' }).stdout;
    const namespaces = ['stays', 'goes'].map((id) => ({ id, namespace: host.namespace() }));
    for (const { id, namespace } of namespaces)
      await attach(
        id,
        'host-net',
        { ports: ports.map((port) => ({ ...port, hostPort: id === 'stays' ? 47_002 : 47_001 })) },
        namespace,
      );
    expect(rules()).toContain('id: \\"goes\\"');
    namespaces[1]?.namespace.close();
    await network.detach('goes');
    expect(rules()).not.toContain('goes');
    expect(rules().match(/id: \\"stays\\"/g)?.length).toBeGreaterThan(1);
    await network.detach('stays');
    expect(rules()).not.toMatch(/:CNI-[0-9a-f]{24}/);
  });
});

describe('networks of the host', () => {
  test('are listed and used as they are, and not removed', async (place) => {
    const { configure, attach, network, root, host } = place;
    configure('10-test.conflist', scoped(place, chain('portmap')));
    configure('20-one.conf', {
      cniVersion: '0.4.0',
      name: 'single',
      type: 'bridge',
      bridge: 'test1',
      mtu: 1400,
      ipam: { type: 'host-local', dataDir: `${root}/addresses`, subnet: '10.78.0.0/24' },
    });
    configure('30-old.conf', { cniVersion: '0.2.0', name: 'old', type: 'bridge' });
    configure('40-odd.conflist', { cniVersion: '1.0.0', name: '../odd', plugins: [{ type: 'bridge' }] });
    configure('50-odd.conflist', { cniVersion: '1.0.0', name: 'odd', plugins: [{ type: '../../bin/sh' }] });
    configure('60-again.conflist', { cniVersion: '1.0.0', name: 'single', plugins: [{ type: 'ptp' }] });
    await network.create('aa');
    expect((await network.list()).map(({ name }) => name)).toEqual(['aa', 'host-net', 'single']);
    expect(await network.inspect('single')).toMatchObject({
      driver: 'bridge',
      bridge: 'test1',
      mtu: 1400,
      subnets: [{ subnet: '10.78.0.0/24' }],
      file: `${root}/net.d/20-one.conf`,
      attached: [],
    });
    await expect(network.remove('single')).rejects.toMatchObject({ kind: 'failed-precondition', code: 'NETWORK_NOT_OURS' });
    await expect(network.create('single')).rejects.toMatchObject({ kind: 'already-exists' });
    await expect(network.create('n', { subnets: [{ subnet: '10.78.0.0/16' }] })).rejects.toMatchObject({
      code: 'NETWORK_SUBNET_OVERLAPS',
    });
    const [attachment] = await attach('c', 'single');
    expect(attachment).toMatchObject({ addresses: ['10.78.0.2/24'], mtu: 1400 });
    expect((await network.inspect('single')).attached).toEqual([{ id: 'c', addresses: ['10.78.0.2'] }]);
    expect(host.state(root).interfaces).toContain('test1');
    await expect(attach('p', 'single', { ports })).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'NETWORK_NO_PORTS',
    });
    await expect(attach('e', 'single', { egress: { allow: [] } })).rejects.toMatchObject({ kind: 'unimplemented' });
    await network.detach('c');
  });

  test('of version 1.1 are asked whether they are ready', async (place) => {
    const { configure, plugins, attach, root } = place;
    plugins.add(
      'ready',
      `[ "$CNI_COMMAND" = STATUS ] && [ ! -e ${root}/ready ] && { echo '{"code":50,"msg":"not yet"}'; exit 1; }`,
    );
    configure('10-test.conflist', { cniVersion: '1.1.0', name: 'newer', plugins: [{ type: 'ready' }] });
    await expect(attach('c', 'newer')).rejects.toMatchObject({ kind: 'unavailable', details: { code: 50 } });
    expect(plugins.calls().map(({ command }) => command)).toEqual(['STATUS']);
    execFileSync('touch', [`${root}/ready`]);
    await attach('c', 'newer');
    expect(plugins.calls().map(({ command }) => command)).toEqual(['STATUS', 'ADD']);
  });
});

describe('plugins of 1.1', () => {
  test('collect what is nobody’s in networks of ours', async ({ plugins, attach, network }) => {
    await network.create('n');
    const supported = '["0.4.0","1.0.0","1.1.0"]';
    plugins.add(
      'firewall',
      `[ "$CNI_COMMAND" = VERSION ] && { echo '{"cniVersion":"1.1.0","supportedVersions":${supported}}'; exit 0; }`,
    );
    await attach('there', 'n');
    plugins.calls();
    await network.cleanup(new Set(['there']));
    const [collected] = plugins.calls().filter(({ command }) => command === 'GC');
    expect(collected?.input).toMatchObject({
      cniVersion: '1.1.0',
      name: 'n',
      'cni.dev/valid-attachments': [{ containerID: 'there', ifname: 'eth0' }],
    });
    expect(collected?.env).not.toHaveProperty('CNI_NETNS');
  });
});
