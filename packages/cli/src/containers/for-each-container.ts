import type { Container, Engine } from '@slipway/plugin-api';
import type { Invocation } from '../command.js';
import { errorReport } from '../error-report.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { OutputClosed } from '../output.js';
import { printable, printableJson } from '../printable.js';

export interface ContainerResult {
  readonly id: string;
  readonly name: string;
}

export interface EachOptions<Result extends ContainerResult> {
  /** How many at a time. */
  readonly atOnce: number;
  /** The line for one that is done. Default: what the user called it, as docker. */
  readonly line?: ((result: Result) => string) | undefined;
  /** An error that is told and is none. */
  readonly forgives?: ((error: unknown) => boolean) | undefined;
  /** What to do with a name whose container cannot be had, because of the error. Default: it is the failure. */
  readonly without?: ((engine: Engine, name: string, error: unknown, signal: AbortSignal) => Promise<Result>) | undefined;
}

/**
 * Does something to each container that the arguments name, tells in their order what came of it, and goes on after a failure. As JSON: an array of those that are done.
 * Gives the exit code: 1 when one failed.
 */
export async function forEachContainer<Result extends ContainerResult = ContainerResult>(
  invocation: Invocation,
  { atOnce, line, forgives, without }: EachOptions<Result>,
  act: (container: Container, signal: AbortSignal) => Promise<Result>,
): Promise<number> {
  const { name: command, args, global, output } = invocation;
  return withEngine(invocation, (engine) =>
    interruptible(`${command} ${args.map((arg) => JSON.stringify(arg)).join(' ')}`, async (signal) => {
      const turn = turns(atOnce);
      const all = args.map((name) =>
        turn(async () => {
          signal.throwIfAborted();
          let container: Container;
          try {
            container = await engine.containers.get(name);
          } catch (error) {
            if (without === undefined) throw error;
            return without(engine, name, error, signal);
          }
          return act(container, signal);
        }),
      );
      const done: Result[] = [];
      let failed = false;
      for (const [index, result] of all.entries()) {
        try {
          const one = await result;
          done.push(one);
          if (!global.json) output.out(`${printable(line?.(one) ?? args[index] ?? '')}\n`);
        } catch (error) {
          if (error instanceof OutputClosed) throw error;
          // What is told then is the interruption, once.
          signal.throwIfAborted();
          output.err(errorReport(error, global));
          failed ||= forgives?.(error) !== true;
        }
      }
      if (global.json) output.out(`${printableJson(done, 2)}\n`);
      return failed ? 1 : 0;
    }),
  );
}

/** So many at a time, in the order in which they come. A failure is the caller's, whenever it looks. */
function turns(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  return (work) => {
    const done = (async () => {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) free++;
        else next();
      }
    })();
    done.catch(() => undefined);
    return done;
  };
}
