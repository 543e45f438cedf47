import type { ImageConfig } from '@slipway/plugin-api';
import { capabilityNames } from '../../dist/bundle/capabilities/index.js';
import type { HostFacts } from '../../dist/bundle/index.js';

export const host: HostFacts = {
  architecture: 'amd64',
  kernel: { major: 6, minor: 1 },
  cgroupVersion: 2,
  cgroupDriver: 'cgroupfs',
  hostname: 'machine',
  capabilities: capabilityNames.filter((name) => name !== 'CAP_SYS_RESOURCE'),
  hardLimits: [
    { name: 'RLIMIT_NOFILE', hard: 20_000 },
    { name: 'RLIMIT_CORE', hard: 2 ** 64 },
  ],
  maxOpenFiles: 1_048_576,
  oomScoreAdj: 0,
  initProgram: '/usr/lib/slipway/slipway-init',
  thermalThrottlePaths: ['/sys/devices/system/cpu/cpu0/thermal_throttle'],
  sysctls: ['net.ipv4.ip_unprivileged_port_start', 'net.ipv4.ping_group_range'],
  resolvConf: '/run/systemd/resolve/stub-resolv.conf',
  hosts: '/etc/hosts',
};

export function image(config: unknown): ImageConfig {
  return { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] }, config } as ImageConfig;
}

/** A container without mounts, limits, or others that it shares something with. */
export const bare = { id: 'web', name: 'web', host, mounts: [], namespacePaths: {}, resources: {} } as const;
