import type { ConfigTable } from '@slipway/kernel';
import type { Logger } from '@slipway/plugin-api';

/** Everything may be left out: then the config files and the environment decide, as for the `slipway` command. */
export interface OpenEngineOptions {
  /** A config file that replaces every other. */
  readonly config?: string | undefined;
  /** Folder for what survives a reboot. */
  readonly root?: string | undefined;
  /** Folder for what does not. */
  readonly state?: string | undefined;
  /** Name of the stack that is used where an operation names none. */
  readonly stack?: string | undefined;
  /** Configuration as a config file would have it, over every file: `{ plugin: { 'runtime-runc': { binary: '/opt/runc' } } }`. */
  readonly settings?: ConfigTable | undefined;
  /** Default: nothing is logged. */
  readonly log?: Logger | undefined;
}
