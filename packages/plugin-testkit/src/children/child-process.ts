import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * Does one operation of a suite in a child process; a suite's operator module exports it as `operate`. An operation is plain data of the
 * suite's own; the string `stop` is no operation: there the process stops itself (SIGSTOP). Returns what is said as the outcome
 * (`done` when nothing is); `say` says more, before.
 */
export type Operate<T, O> = (instance: T, operation: O, say: (outcome: string) => void) => Promise<string | undefined>;

export interface ChildOptions {
  /** URL of the module that exports `openSubject`. */
  readonly module: string;
  /** URL of the module that exports `operate`. */
  readonly operator: string;
  readonly root: string;
}

/** A child sends itself `signal` right after it has announced `step` for the `times`-th time (the first when absent). */
export interface Signalling {
  readonly step: string;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  readonly times?: number | undefined;
}

export interface ChildResult {
  /** What each operation said: `done`, the kind of its error (for `internal` with its code and message), or words of its own. Only the first ones when the child was killed. */
  readonly outcomes: readonly string[];
  readonly signal: NodeJS.Signals | null;
}

/** Disposing it kills the process, if it has not ended, and waits for that. */
export interface RunningChild extends AsyncDisposable {
  readonly pid: number;
  /** What was said up to now. */
  readonly outcomes: readonly string[];
  /** Rejects when the child failed by itself, with anything but a SlipwayError of an operation. */
  readonly result: Promise<ChildResult>;
  kill(signal: NodeJS.Signals): void;
  /** Fulfils when the child has said this many outcomes. Rejects when it ended before. */
  said(count: number): Promise<void>;
  /** Fulfils when the child has stopped itself. Rejects when it ended before. */
  stopped(): Promise<void>;
}

/** Runs operations in another process. */
export function startChild(options: ChildOptions, operations: readonly unknown[], at?: Signalling): RunningChild {
  const signalling = at === undefined ? '' : `${at.step}=${at.signal}=${at.times ?? 1}`;
  const child = spawn(process.execPath, argumentsOf(options, operations), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SLIPWAY_SIGNAL_AT_STEP: signalling },
  });
  const outcomes: string[] = [];
  const result = finish(child, outcomes);
  // Who waits for it later must find the error; who never does is told by the law that failed before.
  result.catch(() => undefined);
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const until = async (what: string, isTrue: () => boolean): Promise<void> => {
    while (!isTrue()) {
      if (ended()) {
        const { signal } = await result;
        if (isTrue()) return;
        throw new Error(`the child ended (${signal ?? 'by itself'}) before it ${what}; it said ${outcomes.join(', ')}`);
      }
      await setTimeout(5);
    }
  };
  return {
    pid: child.pid ?? 0,
    outcomes,
    result,
    kill: (signal) => void child.kill(signal),
    said: (count) => until(`had said ${count} outcomes`, () => outcomes.length >= count),
    stopped: () => until('had stopped', () => stateOf(child) === 'T'),
    async [Symbol.asyncDispose]() {
      if (!ended()) child.kill('SIGKILL');
      await Promise.allSettled([result]);
    },
  };
}

/** Runs operations in another process while this one stands still. Returns their outcomes. */
export function runChild(options: ChildOptions, operations: readonly unknown[]): readonly string[] {
  const output = execFileSync(process.execPath, argumentsOf(options, operations), { encoding: 'utf8' });
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as string);
}

function argumentsOf({ module, operator, root }: ChildOptions, operations: readonly unknown[]): string[] {
  const preload = new URL('./signal-at-step.js', import.meta.url).href;
  const main = fileURLToPath(new URL('./child.js', import.meta.url));
  return ['--import', preload, main, module, operator, root, JSON.stringify(operations)];
}

/** Waits for all children also when one fails: none may go on while the next law runs. */
export async function allResults(children: readonly RunningChild[]): Promise<ChildResult[]> {
  await Promise.allSettled(children.map(({ result }) => result));
  return await Promise.all(children.map(({ result }) => result));
}

async function finish(child: ChildProcess, outcomes: string[]): Promise<ChildResult> {
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  if (child.stdout !== null) {
    for await (const line of createInterface({ input: child.stdout })) outcomes.push(JSON.parse(line) as string);
  }
  const [code, signal] = await closed;
  if (signal === null && code !== 0) throw new Error(`the child ended with ${code}: ${errors}`);
  return { outcomes, signal };
}

/** The process state of proc(5): `T` when it is stopped. */
function stateOf(child: ChildProcess): string | undefined {
  try {
    return /\) (\w) /.exec(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
