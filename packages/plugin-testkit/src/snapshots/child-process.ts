import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ChildTask } from './child.js';

export interface ChildResult {
  /** `done` or the error's kind, for each operation. Empty when the child was killed. */
  readonly outcomes: readonly string[];
  readonly signal: NodeJS.Signals | null;
}

export interface RunningChild {
  readonly process: ChildProcess;
  readonly result: Promise<ChildResult>;
}

/** Runs operations in another process, which sends itself `signal` right after the named step. */
export function startChild(
  task: ChildTask,
  at?: { readonly step: string; readonly signal: 'SIGKILL' | 'SIGSTOP' },
): RunningChild {
  const preload = new URL('./signal-at-step.js', import.meta.url).href;
  const main = fileURLToPath(new URL('./child.js', import.meta.url));
  const child = spawn(process.execPath, ['--import', preload, main, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SLIPWAY_SIGNAL_AT_STEP: at === undefined ? '' : `${at.step}=${at.signal}` },
  });
  return { process: child, result: finish(child) };
}

async function finish(child: ChildProcess): Promise<ChildResult> {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal === null && code !== 0) throw new Error(`the child ended with ${code}`);
  return { outcomes: output === '' ? [] : (JSON.parse(output) as string[]), signal };
}

/** Waits for all children also when one fails: none may go on while the next law runs. */
export async function allResults(children: readonly RunningChild[]): Promise<ChildResult[]> {
  await Promise.allSettled(children.map(({ result }) => result));
  return await Promise.all(children.map(({ result }) => result));
}

/** Waits until a child has stopped itself. False when it ended before. */
export async function stopped({ process: child }: RunningChild): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    if (/\) T /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))) return true;
    await setTimeout(5);
  }
  return false;
}
