import { type ErrorKind, isSlipwayError, SlipwayError, wrapError } from '@slipway/plugin-api';
import type { CatalogEntry } from '../plugins/catalog.js';

/** What a caller can act on stays visible through the plugin that met it: a full disk is one, whoever wrote to it. */
const passedOn: readonly ErrorKind[] = ['resource-exhausted', 'data-loss', 'permission-denied', 'unavailable'];

/** An error of the plugin's own making keeps its code and hint: who knows it can act on it. Anything else is `PLUGIN_FAILED`. */
export function failedError({ address, manifest }: CatalogEntry, cause: unknown): SlipwayError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const own = isSlipwayError(cause) ? cause : undefined;
  const { kind } = wrapError('activate', cause);
  return new SlipwayError({
    kind: passedOn.includes(kind) ? kind : 'failed-precondition',
    code: own?.code ?? 'PLUGIN_FAILED',
    message: `activate plugin ${address} ("${manifest.package}"): ${message}`,
    hint: own?.hint ?? 'run the command with --debug to see where it failed',
    cause,
    details: { ...own?.details, plugin: address, package: manifest.package },
  });
}

export function timedOutError({ address, manifest }: CatalogEntry, ms: number): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'PLUGIN_TIMED_OUT',
    message: `plugin ${address} ("${manifest.package}") has not become active within ${ms / 1000} s`,
    hint: 'the plugin hangs: wire another, or report this to its author',
    details: { plugin: address, package: manifest.package },
  });
}

export interface SkippedPlugin {
  readonly entry: CatalogEntry;
  readonly reason: string;
  readonly hint?: string | undefined;
}

/** None of the plugins that could have been used runs on this host. */
export class SkippedError extends SlipwayError {
  readonly reason: string;

  constructor(skipped: readonly SkippedPlugin[]) {
    const reason = skipped.map(({ entry, reason: why }) => `${entry.address}: ${why}`).join('; ');
    super({
      kind: 'failed-precondition',
      code: 'PLUGIN_SKIPPED',
      message: `this host cannot run ${reason}`,
      hint: skipped.find(({ hint }) => hint !== undefined)?.hint,
      details: { plugins: skipped.map(({ entry }) => entry.address) },
    });
    this.reason = reason;
  }
}

export function closedError(): SlipwayError {
  return new SlipwayError({ kind: 'canceled', code: 'KERNEL_CLOSED', message: 'the kernel was torn down' });
}
