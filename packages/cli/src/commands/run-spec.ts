import type { CommandSpec } from '../command.js';
import { platformOption } from '../options.js';
import { detachKeysOption, sigProxyOption } from '../run/session-options.js';
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
When the command has ended the container stays, for logs, cp and start, unless --rm was given.

Without -i the container's stdin is /dev/null. With -i it is ours; with -t it is a terminal of the container's own.
INT, TERM, HUP, QUIT, USR1, USR2 and other signals are forwarded to the container. It goes on when this command is killed, its terminal hangs up, or the keys to
detach were typed in it; with --die-with-parent it ends then.

Exit code: the command's own; 125 when Slipway failed, 126 when the command cannot be executed, 127 when it is not there.`,
  examples: [
    ['slipway run --rm alpine echo hello', 'run one command'],
    ['slipway run -it --rm debian:12 bash', 'a shell; ^P ^Q detaches'],
    ['slipway run -d --name web --restart always nginx', 'a service'],
    ['echo data | slipway run -i alpine wc -c', 'in a pipeline'],
    ['slipway run -e LANG=C -w /srv -u 1000:1000 --network none alpine env', 'with settings'],
  ],
  options: [
    { flags: '-i, --interactive', text: 'give the container our stdin' },
    { flags: '-t, --tty', text: 'give it a terminal' },
    {
      flags: '-a, --attach <stream>',
      text: 'only these: stdout, stderr, or stdin, which -i gives. Repeatable',
      repeats: true,
      choices: ['stdin', 'stdout', 'stderr'],
    },
    { flags: '-d, --detach', text: 'leave it running and print its id' },
    { flags: '--rm', text: 'remove it when it has ended, with its anonymous volumes' },
    { flags: '--die-with-parent', text: 'end it when this command ends, however that happens' },
    { flags: '--name <name>', text: 'its name, instead of a generated one' },
    { flags: '--cidfile <file>', text: 'write its id there; the file must not be there', completes: 'file' },
    detachKeysOption,
    sigProxyOption,
    { flags: '--pull <policy>', text: 'when to pull the image (missing)', choices: ['missing', 'always', 'never'] },
    platformOption,
    ...settingsOptions,
  ],
  passesThrough: true,
  load: async () => (await import('./run.js')).run,
};
