import type { OptionSpec } from '../command.js';

export const detachKeysOption: OptionSpec = {
  flags: '--detach-keys <keys>',
  text: 'keys that leave it running (ctrl-p,ctrl-q): characters, and ctrl- with a letter or one of @ [ \\ ] ^ _',
};

export const sigProxyOption: OptionSpec = {
  flags: '--sig-proxy <yes>',
  text: 'pass signals that this command gets on to it (true)',
  choices: ['true', 'false'],
};
