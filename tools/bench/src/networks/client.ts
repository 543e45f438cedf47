import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** A machine beside this one: what comes from a host itself takes another way through its ports. */
export interface Client extends Disposable {
  /** Waits until the port of this host answers. */
  reaches(port: number): Promise<void>;
  /** So many, ten at once; how many in a second. Throws when one fails. */
  requests(port: number, count: number): number;
}

/** Of a network for documentation (RFC 5737). */
const host = '203.0.113.1';
const own = '203.0.113.2';

export function clientBeside(): Client {
  const name = `slipway-bench-${process.pid}`;
  const ip = (...args: readonly string[]): void => void execFileSync('ip', args, { stdio: 'pipe' });
  const run = (...command: readonly string[]): string =>
    execFileSync('ip', ['netns', 'exec', name, ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  ip('netns', 'add', name);
  ip('link', 'add', 'out0', 'type', 'veth', 'peer', 'name', 'out1', 'netns', name);
  ip('address', 'add', `${host}/24`, 'dev', 'out0');
  ip('link', 'set', 'out0', 'up');
  ip('-n', name, 'address', 'add', `${own}/24`, 'dev', 'out1');
  ip('-n', name, 'link', 'set', 'out1', 'up');
  return {
    reaches: async (port) => {
      for (let tries = 0; tries < 200; tries += 1) {
        try {
          run('ab', '-q', '-n', '1', `http://${host}:${port}/`);
          return;
        } catch {
          await sleep(50);
        }
      }
      throw new Error(`port ${port} does not answer`);
    },
    requests: (port, count) => {
      const text = run('ab', '-q', '-n', String(count), '-c', '10', `http://${host}:${port}/`);
      if (!/^Failed requests:\s+0$/m.test(text)) throw new Error(`requests failed: ${text}`);
      return Number(/^Requests per second:\s+([\d.]+)/m.exec(text)?.[1]);
    },
    [Symbol.dispose]: () => ip('netns', 'delete', name),
  };
}
