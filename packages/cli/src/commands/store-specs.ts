import type { CommandSpec, OptionSpec } from '../command.js';

const group = 'Store:';

const pruneOptions: readonly OptionSpec[] = [
  { flags: '-a, --all', text: 'also images that no container uses' },
  { flags: '--partial', text: 'also what cut-off pulls left for a retry, which is kept for 24 hours' },
  { flags: '-n, --dry-run', text: 'only say what would go' },
];

export const pruneSpec: CommandSpec = {
  name: 'prune',
  group,
  args: [],
  summary: 'remove what nothing uses (also: slipway system prune)',
  description:
    'Asks nothing. Networks that no container has go, too. What is being pulled or run stays, and containers and volumes do: slipway container prune and slipway volume prune remove those. What cannot be removed is told, the rest goes, and the exit code is 1; try again later.',
  examples: [
    ['slipway prune', 'what no image, container or pull needs'],
    ['slipway prune --all --dry-run', 'what would go if images that no container uses went, too'],
  ],
  options: pruneOptions,
  load: async () => (await import('./prune.js')).prune,
};

export const verifySpec: CommandSpec = {
  name: 'verify',
  group,
  args: [{ name: '[ref...]', text: 'names or digests of images; everything when none is given' }],
  summary: 'read everything again and compare it with its digests',
  description:
    'Blobs are hashed, snapshots of images compared with their layers. Exit code 1 while something is wrong. With --repair blobs are fetched again from where their image came from, and snapshots unpacked again unless a container uses them.',
  examples: [
    ['slipway verify', 'everything that is here'],
    ['slipway verify --repair alpine', 'one image, and mend it'],
  ],
  options: [{ flags: '--repair', text: 'bring in again what is damaged or missing' }],
  load: async () => (await import('./verify.js')).verify,
};

export const systemSpecs: readonly CommandSpec[] = [
  {
    name: 'system df',
    group,
    args: [],
    summary: 'show how much room everything takes',
    description:
      'Reads all snapshots. Of images, RECLAIMABLE is what prune --all would free; of everything else, what prune would.',
    examples: [
      ['slipway system df', 'sums'],
      ['slipway system df -v', 'and every image and snapshot'],
    ],
    options: [{ flags: '-v, --verbose', text: 'also each image and snapshot' }],
    load: async () => (await import('./system-df.js')).systemDf,
  },
  {
    name: 'system rebuild',
    group,
    args: [],
    summary: 'make damaged or lost metadata anew from content',
    description:
      'Moves the old metadata aside and prints where to. Images keep their names and digests; snapshots are made anew when they are needed. Refused while a container or another command is at work. Exit code 1 when a blob is damaged or an image incomplete.',
    examples: [['slipway system rebuild', 'when a command says that the metadata is damaged']],
    options: [],
    load: async () => (await import('./system-rebuild.js')).systemRebuild,
  },
  {
    ...pruneSpec,
    name: 'system prune',
    summary: 'remove what nothing uses (also: slipway prune)',
    examples: [['slipway system prune --partial', 'also what cut-off pulls left']],
  },
];

export const contentSpecs: readonly CommandSpec[] = [
  {
    name: 'content ls',
    group,
    args: [],
    summary: 'list the blobs that are here (also: slipway content)',
    examples: [
      ['slipway content ls', 'a table'],
      ['slipway content ls -q', 'digests alone'],
    ],
    options: [],
    isDefault: true,
    load: async () => (await import('./content-ls.js')).contentLs,
  },
];

export const snapshotsSpecs: readonly CommandSpec[] = [
  {
    name: 'snapshots ls',
    group,
    args: [],
    summary: 'list the snapshots of every snapshotter (also: slipway snapshots)',
    examples: [
      ['slipway snapshots ls', 'a table'],
      ['slipway snapshots ls -q', 'names and keys alone'],
    ],
    options: [],
    isDefault: true,
    load: async () => (await import('./snapshots-ls.js')).snapshotsLs,
  },
  {
    name: 'snapshots tree',
    group,
    args: [],
    summary: 'draw which snapshot grows on which',
    examples: [['slipway snapshots tree', 'what stands further right grows on what it hangs from']],
    options: [],
    load: async () => (await import('./snapshots-tree.js')).snapshotsTree,
  },
  {
    name: 'snapshots usage',
    group,
    args: [],
    summary: 'show how much room each snapshot takes',
    description: 'Each without what it grows on. Reads all of them.',
    examples: [['slipway snapshots usage', 'bytes on disk, and inodes']],
    options: [],
    load: async () => (await import('./snapshots-usage.js')).snapshotsUsage,
  },
];
