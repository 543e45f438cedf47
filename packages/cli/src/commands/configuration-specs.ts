import type { CommandSpec } from '../command.js';

const group = 'Set-up:';

export const pluginsSpec: CommandSpec = {
  name: 'plugins ls',
  group,
  args: [],
  summary: 'list the plugins and how they are (also: slipway plugins)',
  description:
    'As root each enabled plugin is activated, so that the list says which of them this host can run, and what they measured.',
  examples: [['slipway plugins ls', 'a table']],
  options: [],
  isDefault: true,
  load: async () => (await import('./plugins-ls.js')).pluginsLs,
};

export const configSpecs: readonly CommandSpec[] = [
  {
    name: 'config default',
    group,
    args: [],
    summary: 'print the default configuration, commented',
    examples: [['slipway config default > /etc/slipway/config.toml', 'a file to begin with']],
    options: [],
    load: async () => (await import('./config-default.js')).configDefault,
  },
  {
    name: 'config check',
    group,
    args: [],
    summary: 'check configuration, plugins and stacks',
    examples: [['slipway config check --config new.toml', 'before it is put in place']],
    options: [],
    load: async () => (await import('./config-check.js')).configCheck,
  },
  {
    name: 'config dump',
    group,
    args: [],
    summary: 'print the effective configuration and where each value comes from',
    examples: [['slipway config dump', 'as TOML']],
    options: [],
    load: async () => (await import('./config-dump.js')).configDump,
  },
];
