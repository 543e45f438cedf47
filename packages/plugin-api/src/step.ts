import { channel } from 'node:diagnostics_channel';

/**
 * The named steps of the way of the data. Each is announced here just *after* it has happened, synchronously, so that a
 * tracer can time it and a crash test can stop the process at exactly that place. Without a subscriber it costs nothing.
 *
 * @experimental
 * @since 0.1
 */
export const stepChannel = channel('slipway:step');

export interface Step {
  /** Dotted lower case: `content.commit.renamed`. */
  readonly name: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export function step(name: string, details: Readonly<Record<string, unknown>> = {}): void {
  if (stepChannel.hasSubscribers) stepChannel.publish({ name, details } satisfies Step);
}
