import { describe, expect, test } from 'vitest';
import { chooseHostname } from '../../dist/bundle/hostname.js';
import { isolationOf, type NamespacePaths, namespaceList } from '../../dist/bundle/isolation.js';
import { containerSysctls } from '../../dist/bundle/sysctls.js';
import { host } from './hosts.js';
import { errorOf } from './tree.js';

type Settings = Parameters<typeof isolationOf>[0] & Parameters<typeof containerSysctls>[0] & Parameters<typeof chooseHostname>[1];

const list = (settings: Settings, paths: NamespacePaths = {}, facts = host) =>
  namespaceList(isolationOf(settings, paths, facts)).map(({ type, path }) => (path === undefined ? type : `${type}=${path}`));

describe('namespaces', () => {
  test('of its own, the host’s, another container’s', () => {
    expect(list({})).toEqual(['mount', 'uts', 'ipc', 'pid', 'network', 'cgroup']);
    expect(list({ network: 'host', namespaces: { pid: 'host', ipc: 'host', uts: 'host', cgroup: 'host' } })).toEqual(['mount']);
    const namespaces = { pid: 'container:web', ipc: 'container:web' };
    expect(list({ namespaces }, { pid: '/proc/5/ns/pid', ipc: '/proc/5/ns/ipc', network: '/proc/5/ns/net' })).toEqual([
      ...['mount', 'uts', 'ipc=/proc/5/ns/ipc', 'pid=/proc/5/ns/pid', 'network=/proc/5/ns/net', 'cgroup'],
    ]);
  });

  test('of the cgroup its own on v2, or where it is asked for', () => {
    const v1 = { ...host, cgroupVersion: 1 as const };
    expect(list({}, {}, v1)).not.toContain('cgroup');
    expect(list({ namespaces: { cgroup: 'private' } }, {}, v1)).toContain('cgroup');
    expect(list({ namespaces: { pid: 'private', ipc: 'private', uts: 'private' } })).toEqual(list({}));
  });

  test.each([
    { pid: '' },
    { pid: 'container:' },
    { pid: 'Host' },
    { ipc: 'shareable' },
    { uts: 'container:web' as 'host' },
    { cgroup: 'x' as 'host' },
    { pid: 'container:web' },
  ])('%j is refused', (namespaces) => {
    expect(errorOf(() => list({ namespaces }))).toMatchObject({ kind: 'invalid-argument', code: 'NAMESPACE_INVALID' });
  });
});

describe('host and domain names', () => {
  const name = (settings: Settings) => chooseHostname('0123456789abcdef', settings, isolationOf(settings, {}, host), host);

  test('follow the namespaces', () => {
    expect(name({})).toBe('0123456789ab');
    expect(name({ network: 'host' })).toBe('machine');
    expect(name({ namespaces: { uts: 'host' } })).toBe('machine');
    expect(name({ network: 'host', hostname: 'web' })).toBe('web');
    expect(errorOf(() => name({ hostname: 'web', namespaces: { uts: 'host' } })).code).toBe('HOSTNAME_INVALID');
  });

  test('the NIS domain is a kernel setting, for runtimes that know no other way', () => {
    const domain = (settings: Settings) => containerSysctls(settings, isolationOf(settings, {}, host), host)['kernel.domainname'];
    expect(domain({ domainname: 'example.com' })).toBe('example.com');
    for (const domainname of ['', 'a b', 'x\n', 'x'.repeat(65), '../x'])
      expect(errorOf(() => domain({ domainname })).code).toBe('DOMAINNAME_INVALID');
    expect(errorOf(() => domain({ domainname: 'x', namespaces: { uts: 'host' } })).code).toBe('DOMAINNAME_INVALID');
  });
});

describe('containerSysctls', () => {
  const sysctls = (wanted: Record<string, string>, settings: Settings = {}, paths: NamespacePaths = {}) =>
    containerSysctls({ ...settings, sysctls: wanted }, isolationOf(settings, paths, host), host);

  test('those of its own namespaces, over the defaults', () => {
    expect(
      sysctls({
        'net.ipv4.ping_group_range': '1 0',
        'net.ipv4.conf.eth0.forwarding': '1',
        'kernel.shmmax': '1',
        'fs.mqueue.msg_max': '5',
      }),
    ).toEqual({
      'net.ipv4.ip_unprivileged_port_start': '0',
      'net.ipv4.ping_group_range': '1 0',
      'net.ipv4.conf.eth0.forwarding': '1',
      'kernel.shmmax': '1',
      'fs.mqueue.msg_max': '5',
    });
    expect(sysctls({}, { network: 'host' })).toEqual({});
    expect(sysctls({}, {}, { network: '/proc/5/ns/net' })).toEqual({});
  });

  test.each([
    [{ 'net.core.somaxconn': '1' }, { network: 'host' }, {}, /would change network that the container shares/],
    [{ 'net.core.somaxconn': '1' }, {}, { network: '/proc/5/ns/net' }, /would change network/],
    [{ 'kernel.sem': '1' }, { namespaces: { ipc: 'host' } }, {}, /would change ipc/],
    [{ 'fs.mqueue.msg_max': '1' }, {}, { ipc: '/proc/5/ns/ipc' }, /would change ipc/],
    [{ 'kernel.domainname': 'x' }, { namespaces: { uts: 'host' } }, {}, /would change uts/],
    [{ 'kernel.hostname': 'x' }, {}, {}, /of the whole host/],
    [{ 'kernel.core_pattern': '|/bin/evil' }, {}, {}, /of the whole host/],
    [{ 'vm.overcommit_memory': '1' }, {}, {}, /of the whole host/],
    [{ 'net./../kernel.core_pattern': 'x' }, {}, {}, /is not the name/],
    [{ 'net...kernel.core_pattern': 'x' }, {}, {}, /is not the name/],
    [{ net: 'x' }, {}, {}, /is not the name/],
    [{ '': 'x' }, {}, {}, /is not the name/],
    [{ 'net.core.somaxconn\n': 'x' }, {}, {}, /is not the name/],
    [{ 'fs.mqueue.no_such_thing': '1' }, {}, {}, /is not known to this kernel/],
    [{ 'net.core.somaxconn': '' }, {}, {}, /has no value of one line/],
    [{ 'net.core.somaxconn': '1\n2' }, {}, {}, /has no value of one line/],
  ] as [Record<string, string>, Settings, NamespacePaths, RegExp][])(
    '%j with %j is refused',
    (wanted, settings, paths, message) => {
      expect(errorOf(() => sysctls(wanted, settings, paths))).toMatchObject({
        kind: 'invalid-argument',
        code: 'SYSCTL_INVALID',
        message: expect.stringMatching(message),
      });
    },
  );
});
