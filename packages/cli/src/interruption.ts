import { constants } from 'node:os';
import { isSlipwayError, SlipwayError } from '@slipway/plugin-api';

export const interruptedCode = 'INTERRUPTED';

/** What asks a program to end. */
const endings = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** So many in a row end the process at once; what it leaves is cleaned up by the next command. */
const patience = 3;

/** Signals turned into an aborted AbortSignal and an error that says so. */
export class Interruption {
  readonly #what: string;
  readonly #controller = new AbortController();
  #count = 0;
  #error: SlipwayError | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** `canceled` with code INTERRUPTED, once a signal came. */
  get error(): SlipwayError | undefined {
    return this.#error;
  }

  /** For any signal; one that does not ask for an end is dropped. The third that does ends the process without waiting any longer. */
  receive(name: NodeJS.Signals): void {
    if (!(endings as readonly string[]).includes(name)) return;
    const signal = constants.signals[name];
    if (++this.#count >= patience) process.exit(128 + signal);
    this.#error ??= new SlipwayError({
      kind: 'canceled',
      code: interruptedCode,
      message: `${this.#what} was interrupted by ${name}`,
      details: { signal },
    });
    this.#controller.abort(this.#error);
  }
}

/** Runs `work` so that a signal aborts it. When one came, that is the error, whatever `work` rejects with. */
export async function interruptible<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = new Interruption(what);
  const receive = (name: NodeJS.Signals): void => interruption.receive(name);
  for (const name of endings) process.on(name, receive);
  try {
    return await work(interruption.signal);
  } catch (error) {
    throw interruption.error ?? error;
  } finally {
    for (const name of endings) process.off(name, receive);
  }
}

/** For what goes on until somebody has seen enough: `work` is aborted by a signal, and that is no error. Gives the exit code. */
export async function untilInterrupted(what: string, work: (signal: AbortSignal) => Promise<void>): Promise<number> {
  try {
    await interruptible(what, work);
    return 0;
  } catch (error) {
    if (!isSlipwayError(error) || error.code !== interruptedCode) throw error;
    return 128 + Number(error.details['signal']);
  }
}
