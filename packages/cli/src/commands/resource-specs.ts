import type { CommandSpec } from '../command.js';
import { restartPolicies } from '../offers.js';
import { limitOptions } from '../run/limit-options.js';

const group = 'Containers:';

/** What containers use, and what they may. */
export const resourceSpecs: readonly CommandSpec[] = [
  {
    name: 'stats',
    group,
    args: [{ name: '[container...]', text: 'those that run when none is named', completes: 'running' }],
    summary: 'show what containers use',
    description: `Every second, until a signal ends it. CPU % is of one processor, so two in full use are 200 %. MEM is without file cache that can be dropped at once, and of the machine's
memory where there is no limit. NET is of its own network. As JSON: one object a line, for each container each time.`,
    examples: [
      ['slipway stats', 'all that run'],
      ['slipway stats --no-stream web db', 'once'],
      ['slipway stats --no-stream --json', 'for a program'],
    ],
    options: [
      { flags: '-a, --all', text: 'also those that do not run' },
      { flags: '--no-stream', text: 'measure for one second, and end' },
      { flags: '--no-trunc', text: 'ids in full' },
    ],
    load: async () => (await import('./stats.js')).stats,
  },
  {
    name: 'top',
    group,
    args: [
      { name: '<container>', text: 'its name, its id or the beginning of that', completes: 'running' },
      { name: '[column...]', text: 'user, pid, ppid, cpid, state, started, time, rss, command; all when none is named' },
    ],
    summary: 'list the processes of a container',
    description: 'Numbers are those of the host, but CPID: that is the number in the container. TIME is of the processor.',
    examples: [
      ['slipway top web', 'everything'],
      ['slipway top web pid rss command', 'some columns'],
    ],
    options: [],
    load: async () => (await import('./top.js')).top,
  },
  {
    name: 'update',
    group,
    args: [{ name: '<container...>', text: 'names, ids or the beginnings of ids', completes: 'containers' }],
    summary: 'give containers other limits',
    description:
      'Of those that run at once; of others from their next start on. What is not named stays. What fails for one container is told, the others have their turn, and the exit code is 1.',
    examples: [
      ['slipway update --memory 512m --cpus 1.5 web', 'both'],
      ['slipway update --restart always web db', 'what happens when they end'],
    ],
    options: [
      ...limitOptions,
      {
        flags: '--restart <policy>',
        text: 'when it has ended: no, on-failure[:count], always or unless-stopped',
        offers: restartPolicies,
      },
    ],
    load: async () => (await import('./update.js')).update,
  },
];
