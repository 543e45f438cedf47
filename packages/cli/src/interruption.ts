import { constants } from 'node:os';
import { SlipwayError } from '@slipway/plugin-api';

export const interruptedCode = 'INTERRUPTED';

/** What asks a program to end. */
const endings = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** So many in a row end the process at once; what it leaves is cleaned up by the next command. */
const patience = 3;

/**
 * Runs `work` so that a signal aborts it. When one came, whatever `work` rejects with, the result is `canceled` with code
 * INTERRUPTED. After a third signal the process exits without waiting any longer.
 */
export async function interruptible<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  using interruption = new Interruption(what);
  try {
    return await work(interruption.signal);
  } catch (error) {
    throw interruption.error ?? error;
  }
}

/** Turns the signals that end a program into an aborted AbortSignal, until disposed. */
export class Interruption implements Disposable {
  readonly #what: string;
  readonly #controller = new AbortController();
  #count = 0;
  #error: SlipwayError | undefined;

  constructor(what: string) {
    this.#what = what;
    for (const name of endings) process.on(name, this.#receive);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Set once a signal came. */
  get error(): SlipwayError | undefined {
    return this.#error;
  }

  readonly #receive = (name: NodeJS.Signals): void => {
    const signal = constants.signals[name];
    if (++this.#count >= patience) process.exit(128 + signal);
    this.#error ??= new SlipwayError({
      kind: 'canceled',
      code: interruptedCode,
      message: `${this.#what} was interrupted by ${name}`,
      details: { signal },
    });
    this.#controller.abort(this.#error);
  };

  [Symbol.dispose](): void {
    for (const name of endings) process.off(name, this.#receive);
  }
}
