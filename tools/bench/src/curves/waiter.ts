import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** Another process that writes a row of metadata every few milliseconds. */
export interface Waiter {
  /** @returns how long its longest write took, in milliseconds */
  end(): Promise<number>;
}

export async function startWaiter(options: object): Promise<Waiter> {
  const program = fileURLToPath(import.meta.resolve('./waiter-process.ts'));
  const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
  const found = text(child.stdout);
  const ready = child.stdio[3];
  if (ready === null || ready === undefined) throw new Error('the waiter has no pipe to tell that it is ready');
  await once(ready, 'data');
  return {
    end: async () => {
      child.stdin.end();
      return Number(await found);
    },
  };
}
