import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { linux } from '@slipway/linux';
import { planVariable, type StepPlan } from '../src/request.ts';
import { compileCache, source } from './child.ts';
import type { Place } from './place.ts';

const echoServer = fileURLToPath(import.meta.resolve('../src/echo-server.mjs'));

/** The network of a machine of its own. Nothing but processes and descriptors holds it: it goes with the test. */
export interface NetworkHost extends Disposable {
  /** For other processes, as nsenter takes it. */
  readonly path: string;
  /** What a program prints that runs in it. */
  run(program: string, ...args: readonly string[]): string;
  /** A process in it; with an engine on the place, if one is given. */
  agent(place?: Place, plan?: StepPlan): Agent;
  /** An echo server in it, on TCP and UDP. */
  serve(port: number): Promise<Disposable>;
}

export type Answer = Record<string, unknown> & { readonly stdout: string; readonly exitCode: number; readonly hostPort: number };

export interface Agent extends AsyncDisposable {
  readonly process: ChildProcess;
  /** What its verb answers; rejects with what it throws. */
  ask<T = Answer>(verb: string, ...args: readonly unknown[]): Promise<T>;
  /** When it has ended, however. */
  readonly ended: Promise<NodeJS.Signals | null>;
}

export function networkHost(): NetworkHost {
  const fd = linux.createNetworkNamespace();
  const place = `/proc/${process.pid}/fd/${fd}`;
  const inside = (program: string, ...args: readonly string[]): readonly [string, string[]] => [
    'nsenter',
    [`--net=${place}`, program, ...args],
  ];
  const children = new Set<ChildProcess>();
  return {
    path: place,
    run: (...command) => execFileSync(...inside(...command), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    agent: (where, plan) => {
      const [program, args] = inside(process.execPath, source('network-agent.ts'), JSON.stringify(where?.options ?? null));
      const preload =
        plan === undefined ? {} : { NODE_OPTIONS: `--import=${source('at-step.ts')}`, [planVariable]: JSON.stringify(plan) };
      const child = spawn(program, args, {
        env: { PATH: process.env['PATH'], ...compileCache, ...preload },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      children.add(child);
      return agentOf(child);
    },
    serve: async (port) => {
      const child = spawn(...inside(process.execPath, echoServer, String(port)), {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      children.add(child);
      await new Promise((resolve, reject) => {
        child.stdout?.once('data', resolve);
        child.once('exit', () => reject(new Error(`nobody can serve port ${port}`)));
      });
      return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
    },
    [Symbol.dispose]: () => {
      for (const child of children) child.kill('SIGKILL');
      closeSync(fd);
    },
  };
}

/** Of the networks for documentation (RFC 5737, RFC 3849). */
export const addresses = {
  host: { 4: '203.0.113.1', 6: '2001:db8:203::1' },
  outside: { 4: '203.0.113.2', 6: '2001:db8:203::2' },
} as const;

/** A machine beside the host, which that has its default routes to; it knows the way to the host alone. */
export function outsideOf(host: NetworkHost): NetworkHost {
  const other = networkHost();
  host.run('ip', 'link', 'add', 'out0', 'type', 'veth', 'peer', 'name', 'out1');
  host.run('ip', 'link', 'set', 'out1', 'netns', other.path);
  for (const [where, device, own] of [
    [host, 'out0', addresses.host],
    [other, 'out1', addresses.outside],
  ] as const) {
    where.run('ip', 'address', 'add', `${own[4]}/24`, 'dev', device);
    where.run('ip', 'address', 'add', `${own[6]}/64`, 'dev', device, 'nodad');
    where.run('ip', 'link', 'set', device, 'up');
  }
  host.run('ip', 'route', 'add', 'default', 'via', addresses.outside[4]);
  host.run('ip', '-6', 'route', 'add', 'default', 'via', addresses.outside[6]);
  return other;
}

function agentOf(child: ChildProcess): Agent {
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: unknown) => void }>();
  let number = 0;
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_status, signal) => resolve(signal)));
  void ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the agent has ended'));
  });
  child.stdin?.on('error', () => {});
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const answer = JSON.parse(line) as { number: number; value: never; error?: object };
      const one = waiting.get(answer.number);
      waiting.delete(answer.number);
      if (answer.error === undefined) one?.resolve(answer.value);
      else one?.reject(Object.assign(new Error('an agent was refused'), answer.error));
    });
  }
  return {
    process: child,
    ended,
    ask: (verb, ...args) =>
      new Promise((resolve, reject) => {
        waiting.set(++number, { resolve, reject });
        child.stdin?.write(`${JSON.stringify({ number, verb, args })}\n`);
      }),
    [Symbol.asyncDispose]: async () => {
      child.stdin?.end();
      await ended;
    },
  };
}

/** Node and the echo server in any container: the host's libraries, read-only. */
export const withNode = {
  mounts: [
    ...['/usr', '/usr/lib:/lib', '/usr/lib64:/lib64'].map((text) => {
      const [source = '', target = source] = text.split(':');
      return { type: 'bind', source, target, readOnly: true } as const;
    }),
    { type: 'bind', source: path.dirname(process.execPath), target: '/node', readOnly: true },
    { type: 'bind', source: echoServer, target: '/echo-server.mjs', readOnly: true },
  ] as const,
  args: (port: number) => ['/node/node', '/echo-server.mjs', String(port)],
};

/** What networks leave behind on their host, where anything is: containers' interfaces, addresses that are given out, rules with a name of a container. */
export function leftOnHost(host: NetworkHost, place: Place): string[] {
  const links = host
    .run('ip', '-o', 'link')
    .split('\n')
    .filter((line) => line.includes('veth') || line.includes('@if'));
  const files = execFileSync('find', [path.join(place.state, 'network.v1'), '-type', 'f'], { encoding: 'utf8' }).split('\n');
  return [...links.filter((line) => !line.includes('out0')), ...files.filter((file) => /[0-9a-f]{64}/.test(file))];
}
