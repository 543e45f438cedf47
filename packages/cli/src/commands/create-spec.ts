import type { CommandSpec } from '../command.js';
import { platformOption } from '../options.js';
import { settingsOptions } from '../run/settings-options.js';

export const createSpec: CommandSpec = {
  name: 'create',
  group: 'Containers:',
  args: [
    { name: '<ref>', text: 'name of the image' },
    { name: '[command]', text: "what to run instead of the image's own command" },
    { name: '[arg...]', text: 'its arguments, passed on as they are' },
  ],
  summary: 'make a container without starting it',
  description: `Options end at the image's name: everything after it belongs to the command. They are those of slipway run that say how the container is to be.
Prints its id.`,
  examples: [
    ['slipway create --name web -v data:/srv alpine httpd -f -h /srv', 'for slipway start web'],
    ['id=$(slipway create -it debian:12 bash)', 'for slipway start -ai "$id"'],
  ],
  options: [
    { flags: '-i, --interactive', text: 'keep its stdin open for whoever attaches' },
    { flags: '-t, --tty', text: 'give it a terminal' },
    { flags: '--rm', text: 'remove it when it has ended' },
    { flags: '--name <name>', text: 'its name, instead of a generated one' },
    { flags: '--pull <policy>', text: 'when to pull the image (missing)', choices: ['missing', 'always', 'never'] },
    platformOption,
    ...settingsOptions,
  ],
  passesThrough: true,
  load: async () => (await import('./create.js')).create,
};
