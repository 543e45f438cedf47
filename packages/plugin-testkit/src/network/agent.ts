import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { AgentAnswer, AgentRequest } from './agent-process.js';

/** A process in a network namespace that does what programs of containers do. */
export interface Agent extends AsyncDisposable {
  /** Listens on all addresses of both families; whoever comes is told `<tag> <own address>`. Returns the port. */
  serve(protocol: 'tcp' | 'udp', tag: string, port?: number): Promise<number>;
  /** Who has come to what it serves, by address. */
  seen(): Promise<readonly string[]>;
  /** Sends packets (UDP) there, one after the other, until its end. */
  flood(host: string, port: number): Promise<void>;
  /** What a server said, or why there was none (`timeout` or a system error). One try. */
  ask(target: AskedServer): Promise<string>;
  /** Tries again and again until the answer is right; then, or in the end, the answer. */
  asks(target: AskedServer, expected: RegExp): Promise<string>;
  /** Addresses of a name, or the error of the resolver that is asked. One try. */
  resolve(name: string, family: 4 | 6, server: string): Promise<string>;
}

export interface AskedServer {
  readonly protocol: 'tcp' | 'udp';
  readonly host: string;
  readonly port: number;
  readonly timeoutMs?: number | undefined;
}

export interface AgentOptions {
  /** The path of a namespace. Default: that of this process. */
  readonly namespace?: string | undefined;
  /** How often `asks` asks, at most: each time it waits for a second. Default 40. */
  readonly tries?: number | undefined;
}

export function startAgent({ namespace, tries = 40 }: AgentOptions = {}): Agent {
  const main = fileURLToPath(new URL('./agent-process.js', import.meta.url));
  const own = [process.execPath, main];
  const [program = '', ...args] = namespace === undefined ? own : ['nsenter', `--net=${namespace}`, ...own];
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const call = caller(child);
  const agent: Agent = {
    serve: async (protocol, tag, port = 0) => Number(await call({ do: 'serve', protocol, tag, port })),
    seen: async () => JSON.parse(await call({ do: 'seen' })) as string[],
    async flood(host, port) {
      await call({ do: 'flood', host, port });
    },
    ask: ({ timeoutMs = 2000, ...target }) => call({ do: 'ask', ...target, timeoutMs }),
    async asks(target, expected) {
      let answer = '';
      for (let count = 0; count < tries; count++) {
        answer = await agent.ask({ ...target, timeoutMs: 1000 });
        if (expected.test(answer)) return answer;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return answer;
    },
    resolve: (name, family, server) => call({ do: 'resolve', name, family, server }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
  return agent;
}

function caller(child: ChildProcess): (request: AgentRequest) => Promise<string> {
  const waiting = new Map<number, (answer: string) => void>();
  let count = 0;
  child.on('message', (message) => {
    const { call, answer } = message as AgentAnswer;
    waiting.get(call)?.(answer);
    waiting.delete(call);
  });
  child.on('exit', () => {
    for (const answer of waiting.values()) answer('the process has ended');
  });
  return (request) =>
    new Promise((resolve) => {
      count += 1;
      waiting.set(count, resolve);
      child.send({ call: count, request });
    });
}
