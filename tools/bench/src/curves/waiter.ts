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
  const [stdin, stdout, , ready] = child.stdio;
  if (!stdin || !stdout || !ready) throw new Error('the waiter has no pipes');
  const found = text(stdout);
  await once(ready, 'data');
  return {
    end: async () => {
      stdin.end();
      return Number(await found);
    },
  };
}
