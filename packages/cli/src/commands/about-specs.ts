import { type CommandSpec, nameKinds } from '../command.js';

const group = 'About:';

export const doctorSpec: CommandSpec = {
  name: 'doctor',
  group,
  args: [],
  summary: 'say what this host can do, and what to install',
  description: 'Exit code 1 when something that is needed is missing. Registries and their ports are not tested.',
  examples: [['sudo slipway doctor', 'all checks: as another user some cannot be made']],
  options: [],
  load: async () => (await import('./doctor.js')).doctor,
};

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
    ['slipway completion zsh > /usr/local/share/zsh/site-functions/_slipway', 'for zsh'],
    ['slipway completion fish > ~/.config/fish/completions/slipway.fish', 'for fish'],
  ],
  options: [],
  load: async () => (await import('./completion.js')).completion,
};

export const completeNamesSpec: CommandSpec = {
  name: 'complete-names',
  group,
  args: [
    { name: '<kind>', text: 'of what', choices: nameKinds },
    { name: '[beginning]', text: 'only what begins so' },
  ],
  summary: 'print what completion scripts offer',
  examples: [['slipway complete-names running w', 'names of running containers that begin with w']],
  options: [],
  hidden: true,
  load: async () => (await import('./complete-names.js')).completeNames,
};
