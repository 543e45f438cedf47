import type { CommandSpec } from '../command.js';
import { platformOption } from '../options.js';
import { settingsOptions } from '../run/settings-options.js';

export const runSpec: CommandSpec = {
  name: 'run',
  group: 'Containers:',
  args: [
    { name: '<ref>', text: 'name of the image' },
    { name: '[command]', text: "what to run instead of the image's own command" },
    { name: '[arg...]', text: 'its arguments, passed on as they are' },
  ],
  summary: 'run a command in a new container',
  description: `Options end at the image's name: everything after it belongs to the command.
The container ends with this command and is always removed then.

Without -i the container's stdin is /dev/null. With -i it is ours; with -t it is a terminal of the container's own.
INT, TERM, HUP, QUIT, USR1, USR2 and other signals are forwarded to the container.

Exit code: the command's own; 125 when Slipway failed, 126 when the command cannot be executed, 127 when it is not there.`,
  examples: [
    ['slipway run --rm alpine echo hello', 'run one command'],
    ['slipway run -it debian:12 bash', 'a shell in a terminal'],
    ['echo data | slipway run -i alpine wc -c', 'in a pipeline'],
    ['slipway run -e LANG=C -w /srv -u 1000:1000 --network none alpine env', 'with settings'],
  ],
  options: [
    { flags: '-i, --interactive', text: 'give the container our stdin' },
    { flags: '-t, --tty', text: 'give it a terminal' },
    { flags: '--rm', text: 'remove it when it exits: always done in this version' },
    { flags: '--name <name>', text: 'its id, instead of a generated one' },
    { flags: '--pull <policy>', text: 'when to pull the image (missing)', choices: ['missing', 'always', 'never'] },
    platformOption,
    ...settingsOptions,
  ],
  passesThrough: true,
  load: async () => (await import('./run.js')).run,
};
