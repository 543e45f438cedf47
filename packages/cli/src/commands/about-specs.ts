import type { CommandSpec } from '../command.js';

const group = 'About:';

export const versionSpec: CommandSpec = {
  name: 'version',
  group,
  args: [],
  summary: 'print versions',
  examples: [['slipway version --json', 'as JSON']],
  options: [],
  load: async () => (await import('./version.js')).version,
};

export const completionSpec: CommandSpec = {
  name: 'completion',
  group,
  args: [{ name: '<shell>', text: 'bash, zsh or fish', choices: ['bash', 'zsh', 'fish'] }],
  summary: 'print a completion script',
  examples: [
    ['slipway completion bash > /etc/bash_completion.d/slipway', 'for bash'],
    ['slipway completion zsh > "${fpath[1]}/_slipway"', 'for zsh'],
    ['slipway completion fish > ~/.config/fish/completions/slipway.fish', 'for fish'],
  ],
  options: [],
  load: async () => (await import('./completion.js')).completion,
};
