import type { ArgumentSpec, CommandSpec, Completed, OptionSpec } from '../command.js';
import { signalNames } from '../offers.js';
import { detachKeysOption, sigProxyOption } from '../run/session-options.js';

const group = 'Containers:';

const meaning = 'names, ids or the beginnings of ids';

function several(completes: Completed): ArgumentSpec {
  return { name: '<container...>', text: meaning, completes };
}

const stopOptions: readonly OptionSpec[] = [
  { flags: '-t, --timeout <seconds>', text: "until SIGKILL (the container's own, 10); -1 waits without end" },
  { flags: '-s, --signal <signal>', text: "send this first (the container's own, SIGTERM)", offers: signalNames },
];

const goesOn = 'What fails for one container is told, the others have their turn, and the exit code is 1.';

/** What changes how a container is. */
export const lifecycleSpecs: readonly CommandSpec[] = [
  {
    name: 'start',
    group,
    args: [several('stopped')],
    summary: 'start containers that do not run',
    description: `They go on when this command has ended. ${goesOn}
With -a or -i one container, whose exit code is this command's, unless it was left by the keys.`,
    examples: [
      ['slipway start web db', 'in this order'],
      ['slipway start -a job', 'show what it writes, from the first byte on'],
      ['slipway start -ai shell', 'with our terminal, if it was made with -it'],
    ],
    options: [
      { flags: '-a, --attach', text: 'show what it writes, and pass signals on' },
      { flags: '-i, --interactive', text: 'attach, and give it our stdin if it was made with -i' },
      detachKeysOption,
      sigProxyOption,
    ],
    load: async () => (await import('./start.js')).start,
  },
  {
    name: 'stop',
    group,
    args: [several('running')],
    summary: 'end containers: a signal, and after a while SIGKILL',
    description: `Several are stopped at the same time. One that does not run stays as it is, and a restart policy does not start it again. ${goesOn}`,
    examples: [
      ['slipway stop web db', 'both, each with its own signal and time'],
      ['slipway stop -t 60 -s SIGINT db', 'another signal, and a minute for it'],
      ['slipway stop $(slipway ps -q)', 'all that run'],
    ],
    options: stopOptions,
    load: async () => (await import('./stop.js')).stop,
  },
  {
    name: 'restart',
    group,
    args: [{ name: '[container...]', text: meaning }],
    summary: 'stop containers and start them again',
    description: `One that does not run is started. ${goesOn}
With --boot, which a service calls after the machine was started: starts what a restart policy wants, always or unless-stopped, and has not been stopped on request.`,
    examples: [
      ['slipway restart web', 'with its own signal and time'],
      ['slipway restart --boot', 'after the machine was started'],
    ],
    options: [...stopOptions, { flags: '--boot', text: 'start what was running when the machine went down' }],
    load: async () => (await import('./restart.js')).restart,
  },
  {
    name: 'kill',
    group,
    args: [several('running')],
    summary: 'send containers a signal',
    description: `To the first process of each. After SIGKILL a restart policy does not start it again. ${goesOn}`,
    examples: [
      ['slipway kill web', 'SIGKILL'],
      ['slipway kill -s HUP web', 'so that it reads its configuration again'],
    ],
    options: [{ flags: '-s, --signal <signal>', text: 'name or number (SIGKILL)', offers: signalNames }],
    load: async () => (await import('./kill.js')).kill,
  },
  {
    name: 'pause',
    group,
    args: [several('running')],
    summary: 'freeze all processes of containers',
    description: goesOn,
    examples: [['slipway pause web', 'until slipway unpause web']],
    options: [],
    load: async () => (await import('./pause.js')).pause,
  },
  {
    name: 'unpause',
    group,
    args: [several('paused')],
    summary: 'let paused containers go on',
    description: goesOn,
    examples: [['slipway unpause web', 'where it was']],
    options: [],
    load: async () => (await import('./pause.js')).unpause,
  },
  {
    name: 'wait',
    group,
    args: [several('containers')],
    summary: 'wait until containers end, and print their exit codes',
    description: `A line each, in the order of the names. ${goesOn}`,
    examples: [
      ['slipway wait job', 'at once when it has ended before'],
      ['slipway wait --condition removed job', 'until nothing is left of it'],
    ],
    options: [
      {
        flags: '--condition <condition>',
        text: 'what to wait for (not-running)',
        choices: ['not-running', 'next-exit', 'removed'],
      },
    ],
    load: async () => (await import('./wait.js')).wait,
  },
  {
    name: 'rename',
    group,
    args: [
      { name: '<container>', text: 'its name, its id or the beginning of that' },
      { name: '<name>', text: 'its name from now on' },
    ],
    summary: 'give a container another name',
    examples: [['slipway rename web web-old', 'also while it runs']],
    options: [],
    load: async () => (await import('./rename.js')).rename,
  },
  {
    name: 'rm',
    group,
    args: [several('containers')],
    summary: 'remove containers',
    description: `With what they have written. Volumes with a name stay. ${goesOn}`,
    examples: [
      ['slipway rm job', 'one that has ended'],
      ['slipway rm -f -v web', 'also while it runs, and its anonymous volumes'],
      ['slipway rm -f $(slipway ps -aq)', 'all of them'],
    ],
    options: [
      { flags: '-f, --force', text: 'kill those that run; one that is not there is no failure' },
      { flags: '-v, --volumes', text: 'also their anonymous volumes' },
    ],
    load: async () => (await import('./rm.js')).rm,
  },
];
