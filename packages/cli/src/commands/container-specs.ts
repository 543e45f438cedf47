import type { CommandSpec } from '../command.js';
import { platformOption } from '../options.js';

const group = 'Containers:';

export const psSpec: CommandSpec = {
  name: 'ps',
  group,
  args: [],
  summary: 'list containers (also: slipway container ls)',
  description: 'Those that run, newest first. SIZE is what the container has written; to know it all snapshots are read.',
  examples: [
    ['slipway ps', 'those that run'],
    ['slipway ps -aq', 'ids of all of them'],
    ['slipway ps -f status=exited -f exited=137', 'those that were killed'],
    ['slipway ps -f label=team=web --json', 'everything of some, as JSON'],
  ],
  options: [
    { flags: '-a, --all', text: 'also those that do not run' },
    { flags: '-n, --last <count>', text: 'only so many, the newest, whether they run or not' },
    { flags: '-l, --latest', text: 'only the newest' },
    {
      flags: '-f, --filter <key=value>',
      text: 'id, name, label, status, exited, ancestor, volume, health, before, since; can be given several times',
      offers: [
        'id=',
        'name=',
        'label=',
        'status=created',
        'status=running',
        'status=paused',
        'status=restarting',
        'status=exited',
        'exited=',
        'ancestor=',
        'volume=',
        'health=starting',
        'health=healthy',
        'health=unhealthy',
        'health=none',
        'before=',
        'since=',
      ],
      repeats: true,
    },
    { flags: '--no-trunc', text: 'ids, names of images and commands in full' },
    { flags: '-s, --size', text: 'also what they have written' },
  ],
  load: async () => (await import('./ps.js')).ps,
};

export const inspectSpec: CommandSpec = {
  name: 'inspect',
  group,
  args: [{ name: '<name...>', text: 'containers, and names or digests of images', completes: 'containers-and-images' }],
  summary: 'show everything of containers and images, as JSON',
  description:
    'What is both is the container. Of a container: its state, what was asked for, and the config.json of its last start. Of an image: manifest and config.',
  examples: [
    ['slipway inspect web', 'an array of one'],
    ["slipway inspect web | jq -r '.[0].status'", 'one value of it'],
    ["slipway inspect --type image alpine | jq -r '.[0].config.config.Cmd'", 'of an image, whatever containers there are'],
  ],
  options: [{ flags: '--type <type>', text: 'look only there', choices: ['container', 'image'] }, platformOption],
  load: async () => (await import('./inspect.js')).inspect,
};

export const eventsSpec: CommandSpec = {
  name: 'events',
  group,
  args: [],
  summary: 'tell what happens to containers, images, volumes and networks',
  description: `Those to come, of every command and program, until a signal ends it; with --until those of the past. A time is RFC 3339, a date, seconds since 1970, or a length of time before now.
As JSON: one object a line.`,
  examples: [
    ['slipway events', 'from now on'],
    ['slipway events --since 1h --until 0s', 'the last hour'],
    ['slipway events -f event=die -f event=oom --json', 'some kinds, for a program'],
  ],
  options: [
    { flags: '--since <time>', text: 'also what happened since then' },
    { flags: '--until <time>', text: 'end with what happened then' },
    {
      flags: '-f, --filter <key=value>',
      text: 'type, event, container, label; can be given several times',
      offers: ['type=container', 'type=image', 'type=volume', 'type=network', 'event=', 'container=', 'label='],
      repeats: true,
    },
  ],
  load: async () => (await import('./events.js')).events,
};

export const containerGroupSpecs: readonly CommandSpec[] = [
  {
    ...psSpec,
    name: 'container ls',
    summary: 'list containers (also: slipway ps)',
    examples: [['slipway container ls -a', 'also those that do not run']],
  },
  {
    name: 'container prune',
    group,
    args: [],
    summary: 'remove the containers that do not run',
    description: 'With what they have written. Asks before, unless --force or --dry-run is given.',
    examples: [
      ['slipway container prune', 'after a question'],
      ['slipway container prune -f --filter until=24h', 'those that are older than a day'],
      ['slipway container prune -n', 'what would go'],
    ],
    options: [
      { flags: '-f, --force', text: 'do not ask' },
      { flags: '-v, --volumes', text: 'also their anonymous volumes' },
      {
        flags: '--filter <key=value>',
        text: 'until=TIME (made before it), label=KEY[=VALUE]; can be given several times',
        offers: ['until=', 'label='],
        repeats: true,
      },
      { flags: '-n, --dry-run', text: 'only say what would go' },
    ],
    load: async () => (await import('./container-prune.js')).containerPrune,
  },
];
