import type { ConfigTable } from '@slipway/kernel';

/** What holds without any config file: the one place that names the plugins Slipway comes with, and only as config values. */
export const defaultConfig = {
  version: 1,
  root: '/var/lib/slipway',
  state: '/run/slipway',
  plugins: {
    standard: [
      '@slipway/metadata-lmdb',
      '@slipway/content-local',
      '@slipway/resolver-registry',
      '@slipway/resolver-archive',
      '@slipway/differ-tar',
      '@slipway/differ-erofs',
      '@slipway/snapshot-overlay',
      '@slipway/snapshot-native',
      '@slipway/snapshot-kata',
      '@slipway/runtime-runc',
      '@slipway/runtime-crun',
      '@slipway/runtime-kata',
      '@slipway/volume-local',
      '@slipway/network-cni',
    ],
    search: [],
    disabled: [],
  },
  stack: {
    metadata: 'lmdb',
    content: 'local',
    resolver: 'registry',
    snapshotter: ['overlay', 'native'],
    runtime: 'runc',
    network: 'cni',
  },
  stacks: {
    kata: { snapshotter: 'kata', differ: 'erofs', runtime: 'kata' },
  },
} as const satisfies ConfigTable;
