import type { OptionSpec } from './command.js';

/** Accepted before and after the name of the command. */
export const globalOptions: readonly OptionSpec[] = [
  { flags: '--stack <name>', text: 'use this stack of the configuration instead of the default one' },
  { flags: '--root <dir>', text: 'folder for what survives a reboot (/var/lib/slipway)', completes: 'directory' },
  { flags: '--state <dir>', text: 'folder for what does not (/run/slipway)', completes: 'directory' },
  { flags: '--config <file>', text: 'read this config file and no other', completes: 'file' },
  { flags: '--json', text: 'print results and errors as JSON' },
  { flags: '-q, --quiet', text: 'no progress; results as bare names' },
  { flags: '--debug', text: 'show the log, and the causes and stacks of errors' },
];

/** Of `slipway` itself. */
export const versionOption: OptionSpec = { flags: '--version', text: 'print the version' };

export const platformOption: OptionSpec = {
  flags: '--platform <os/arch[/variant]>',
  text: "another platform than the host's, as linux/arm64",
};
