import { type Container, isKind } from '@slipway/plugin-api';
import type { Output } from '../output.js';
import { printable } from '../printable.js';

/** What a user or a supervisor sends; job control, the window and faults are our own business. */
const forwarded = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const;

/**
 * Passes signals that this process gets on to a container, each once. It listens from the beginning, so that between
 * preparing and running no signal meets its default action; what comes before there is a container is not for it.
 */
export class SignalForwarding implements Disposable {
  readonly #output: Output;
  container: Container | undefined;

  constructor(output: Output) {
    this.#output = output;
    for (const name of forwarded) process.on(name, this.#forward);
  }

  readonly #forward = (name: NodeJS.Signals): void => {
    this.container?.kill(name).catch((error: unknown) => {
      if (isKind(error, 'not-found')) return;
      this.#output.err(`warning: ${name} did not reach the container: ${printable(String(error))}\n`);
    });
  };

  [Symbol.dispose](): void {
    for (const name of forwarded) process.off(name, this.#forward);
  }
}
