import type { ArgumentSpec, CommandSpec } from '../command.js';

const group = 'Volumes:';

const several: ArgumentSpec = { name: '<volume...>', text: 'names', completes: 'volumes' };

export const volumeSpecs: readonly CommandSpec[] = [
  {
    name: 'volume create',
    group,
    args: [{ name: '[name]', text: 'a name that is free; without one a random one is made' }],
    summary: 'make a volume',
    description:
      'Prints its name. One that is there with the same options is taken as it is. A container that is given the name of a volume that is not there makes it, too.',
    examples: [
      ['slipway volume create data', 'a folder below the root'],
      ['slipway volume create -o type=tmpfs -o o=size=100m,mode=700 cache', 'memory, for as long as a container has it'],
      ['slipway volume create -o type=none -o o=bind -o device=/srv/data data', 'a folder of this host under a name'],
    ],
    options: [
      { flags: '-d, --driver <driver>', text: 'whose volume it is to be (local)' },
      { flags: '--label <key[=value]>', text: 'can be given several times', repeats: true },
      { flags: '-o, --opt <key=value>', text: "the driver's own; can be given several times", repeats: true },
    ],
    load: async () => (await import('./volume-create.js')).volumeCreate,
  },
  {
    name: 'volume ls',
    group,
    args: [],
    summary: 'list volumes (also: slipway volume)',
    examples: [
      ['slipway volume ls', 'a table'],
      ['slipway volume ls -q -f dangling=true', 'names of those that no container has'],
    ],
    options: [
      {
        flags: '-f, --filter <key=value>',
        text: 'name (a part of it), driver, label, dangling; can be given several times',
        offers: ['name=', 'driver=', 'label=', 'dangling=true', 'dangling=false'],
        repeats: true,
      },
    ],
    isDefault: true,
    load: async () => (await import('./volume-ls.js')).volumeLs,
  },
  {
    name: 'volume inspect',
    group,
    args: [several],
    summary: 'show everything of volumes, as JSON',
    examples: [["slipway volume inspect data | jq -r '.[0].mountpoint'", 'where its files are']],
    options: [],
    load: async () => (await import('./volume-inspect.js')).volumeInspect,
  },
  {
    name: 'volume rm',
    group,
    args: [several],
    summary: 'remove volumes with everything in them',
    description:
      'One that a container has, running or not, stays. What fails for one is told, the others have their turn, and the exit code is 1.',
    examples: [['slipway volume rm data cache', 'both']],
    options: [{ flags: '-f, --force', text: 'what is not there is no error' }],
    load: async () => (await import('./volume-rm.js')).volumeRm,
  },
  {
    name: 'volume prune',
    group,
    args: [],
    summary: 'remove the anonymous volumes that no container has',
    description: 'With everything in them. Asks before, unless --force or --dry-run is given.',
    examples: [
      ['slipway volume prune', 'after a question'],
      ['slipway volume prune -n --all', 'what would go if those with names went, too'],
    ],
    options: [
      { flags: '-a, --all', text: 'also those that were given a name' },
      { flags: '-f, --force', text: 'do not ask' },
      { flags: '--filter <key=value>', text: 'label=KEY[=VALUE]; can be given several times', offers: ['label='], repeats: true },
      { flags: '-n, --dry-run', text: 'only say what would go' },
    ],
    load: async () => (await import('./volume-prune.js')).volumePrune,
  },
];
