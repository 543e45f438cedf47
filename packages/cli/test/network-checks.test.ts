import type { NetworkFeatures } from '@slipway/plugin-api';
import type { Host } from 'slipway';
import { expect, test } from 'vitest';
import { networkChecks } from '../src/doctor/network-checks.js';

const features: NetworkFeatures = { version: 'cni 1.1.1', firewall: 'nftables', ipv6: true, names: true, egress: true };
const hostWith = (found: () => Promise<NetworkFeatures>): Host =>
  ({ kernel: { get: async () => ({ features: found }) } }) as unknown as Host;
const statuses = async (found: Partial<NetworkFeatures>) => {
  const checks = await networkChecks(
    hostWith(async () => ({ ...features, ...found })),
    'cni',
  );
  return checks.map(({ name, status, advice }) => [name, status, advice?.split(',')[0]?.split(':')[0]]);
};

test('a host that has everything', async () => {
  expect((await statuses({})).map(([name, status]) => `${name} ${status}`)).toEqual([
    'network ok',
    'firewall ok',
    'names ok',
    'egress ok',
    'forwarding ok',
  ]);
});

test.each<[Partial<NetworkFeatures>, string, string]>([
  [{ version: 'cni, not installed' }, 'network', 'install containernetworking-plugins'],
  [{ firewall: 'none' }, 'firewall', 'install nftables'],
  [{ names: false }, 'names', 'install dnsmasq-base'],
  [{ egress: false }, 'egress', 'install nftables and dnsmasq-base'],
])('%j is a warning, with what to install', async (found, name, advice) => {
  expect(await statuses(found)).toContainEqual([name, 'warn', advice]);
});

test('a plugin that fails, and a stack without one', async () => {
  const broken = hostWith(() => Promise.reject(new Error('no kernel')));
  expect(await networkChecks(broken, 'cni')).toMatchObject([{ name: 'network', status: 'warn', found: 'cni: no kernel' }]);
  expect(await networkChecks(broken, undefined)).toMatchObject([{ name: 'network', status: 'ok' }]);
});
