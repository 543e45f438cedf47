import { isKind } from '@slipway/plugin-api';
import { Interruption } from '../interruption.js';
import type { Output } from '../output.js';
import { printable } from '../printable.js';

/** What a user or a supervisor sends; job control, the window and faults are our own business. */
const forwarded = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const;

export interface Signalable {
  kill(signal: string): Promise<void>;
}

/** `false`: it is not for the container, and nothing more is done with it here. */
export type SignalTaker = (name: NodeJS.Signals) => boolean;

/**
 * Whom a signal is for, until disposed: while the container is prepared it interrupts the preparation; while it starts it
 * is held; from then on it is the container's, each signal once.
 */
export class ContainerSignals implements Disposable {
  readonly interruption: Interruption;
  readonly #output: Output;
  #held: NodeJS.Signals[] | undefined;
  #container: Signalable | undefined;
  #take: SignalTaker = () => true;

  constructor(what: string, output: Output) {
    this.interruption = new Interruption(what);
    this.#output = output;
    for (const name of forwarded) process.on(name, this.#receive);
  }

  /** The container exists: its program may run at any moment. */
  hold(): void {
    this.#held ??= [];
  }

  /** `take` is asked before each signal is passed on. */
  forwardTo(container: Signalable, take: SignalTaker = () => true): void {
    this.#container = container;
    this.#take = take;
    for (const name of this.#held ?? []) this.#forward(container, name);
  }

  [Symbol.dispose](): void {
    for (const name of forwarded) process.off(name, this.#receive);
  }

  readonly #receive = (name: NodeJS.Signals): void => {
    if (this.#container !== undefined) this.#forward(this.#container, name);
    else if (this.#held !== undefined) this.#held.push(name);
    else this.interruption.receive(name);
  };

  #forward(container: Signalable, name: NodeJS.Signals): void {
    if (!this.#take(name)) return;
    container.kill(name).catch((error: unknown) => {
      if (isKind(error, 'not-found')) return;
      this.#output.err(`warning: ${name} did not reach the container: ${printable(String(error))}\n`);
    });
  }
}
