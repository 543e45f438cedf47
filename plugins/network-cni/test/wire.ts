import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TestNamespace } from '@slipway/plugin-testkit';
import type { WireRequest } from './wire-process.ts';

/** Frames on an interface, as the program that sends or gets them has them. */
export interface Wire extends AsyncDisposable {
  send(...frames: readonly Buffer[]): Promise<void>;
  /** Those that went in or out since the last time. */
  take(): Promise<readonly Buffer[]>;
}

/** In that namespace; of the host itself where none is given. */
export async function openWire(device: string, namespace?: TestNamespace): Promise<Wire> {
  const own = [process.execPath, fileURLToPath(new URL('./wire-process.ts', import.meta.url)), device];
  const [program = '', ...args] = namespace === undefined ? own : ['nsenter', `--net=${namespace.path}`, ...own];
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await answered(child);
  let count = 0;
  const call = async (request: WireRequest): Promise<unknown> => {
    count += 1;
    const number = count;
    child.send({ call: number, request });
    for (;;) {
      const [{ call: of, answer }] = (await answered(child)) as [{ readonly call: number; readonly answer: unknown }];
      if (of === number) return answer;
    }
  };
  return {
    send: async (...frames) => void (await call({ send: frames.map((frame) => frame.toString('hex')) })),
    take: async () => ((await call({ take: true })) as string[]).map((frame) => Buffer.from(frame, 'hex')),
    [Symbol.asyncDispose]: () => end(child),
  };
}

/** The next message; an error when it has ended instead. */
async function answered(child: ChildProcess): Promise<unknown[]> {
  const ended = once(child, 'exit').then(() => {
    throw new Error('the process with the packet socket has ended');
  });
  return await Promise.race([once(child, 'message'), ended]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
