import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { linux } from '@slipway/linux';
import type { LawRunner } from '../law-runner.js';
import { namesBelow } from '../names-below.js';
import { type Agent, type AgentOptions, startAgent } from './agent.js';

/** A network namespace that lives as long as this, or a process in it. */
export interface TestNamespace extends Disposable {
  readonly fd: number;
  /** For other processes. */
  readonly path: string;
  /** Closes it: when nobody else has it, it is gone. */
  close(): void;
}

/** The network of a machine of its own: what this process does, and starts, is in it. */
export interface TestHost {
  /** A container's. */
  namespace(): TestNamespace;
  /** A process in that namespace; of the host itself where none is given. It has its end with the law. */
  agent(namespace?: TestNamespace): Agent;
  /** Runs a program in that namespace, and answers what it printed. */
  inside(namespace: TestNamespace, program: string, ...args: readonly string[]): string;
  /** A machine beside it, which it has its default routes to, and which knows the way to this host alone. */
  outside(): TestOutside;
  /** As the end of the machine does: all but this process. */
  endProcesses(): void;
  /** What can be left behind: interfaces, addresses, rules, processes, files below the folder. */
  state(root: string): HostState;
}

export interface TestOutside extends TestNamespace {
  readonly addresses: { readonly 4: string; readonly 6: string };
  /** Of the host, as seen from there. */
  readonly host: { readonly 4: string; readonly 6: string };
}

export type HostState = Readonly<
  Record<'interfaces' | 'addresses' | 'routes' | 'rules' | 'processes' | 'files', readonly string[]>
>;

/** Each test of this runner is on a host of its own, which `use` gives. */
export function onHosts(
  runner: LawRunner,
  { tries }: Pick<AgentOptions, 'tries'> = {},
): { readonly runner: LawRunner; readonly use: () => TestHost } {
  let current: TestHost | undefined;
  return {
    runner: {
      describe: (name, body) => runner.describe(name, body),
      it: (name, body) =>
        runner.it(name, async () => {
          using home = opened('/proc/self/ns/net');
          await using stack = new AsyncDisposableStack();
          const fd = linux.createNetworkNamespace();
          stack.defer(() => closeSync(fd));
          stack.defer(() => linux.enterNetworkNamespace(home.fd));
          stack.defer(endProcesses);
          linux.enterNetworkNamespace(fd);
          current = hostOf(stack, tries);
          await body();
        }),
    },
    use() {
      if (current === undefined) throw new Error('no test runs');
      return current;
    },
  };
}

function hostOf(stack: AsyncDisposableStack, tries: number | undefined): TestHost {
  const namespace = (): TestNamespace => stack.use(held(linux.createNetworkNamespace()));
  return {
    namespace,
    agent: (place) => stack.use(startAgent({ namespace: place?.path, tries })),
    inside: ({ path }, program, ...args) => execFileSync('nsenter', [`--net=${path}`, program, ...args], { encoding: 'utf8' }),
    outside: () => connectOutside(namespace()),
    endProcesses,
    state,
  };
}

function held(fd: number): TestNamespace {
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  return { fd, path: `/proc/${process.pid}/fd/${fd}`, close, [Symbol.dispose]: close };
}

function opened(path: string): Disposable & { readonly fd: number } {
  const fd = openSync(path, constants.O_RDONLY);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

/** Of the networks for documentation (RFC 5737, RFC 3849). */
const [host, outside] = [
  { 4: '203.0.113.1', 6: '2001:db8:203::1' },
  { 4: '203.0.113.2', 6: '2001:db8:203::2' },
] as const;

function connectOutside(namespace: TestNamespace): TestOutside {
  const ip = (...args: readonly string[]): unknown => execFileSync('ip', args, { stdio: 'pipe' });
  const there = (...args: readonly string[]): unknown =>
    execFileSync('nsenter', [`--net=${namespace.path}`, 'ip', ...args], { stdio: 'pipe' });
  ip('link', 'add', 'out0', 'type', 'veth', 'peer', 'name', 'out1');
  ip('link', 'set', 'out1', 'netns', namespace.path);
  for (const [run, device, own] of [
    [ip, 'out0', host],
    [there, 'out1', outside],
  ] as const) {
    run('address', 'add', `${own[4]}/24`, 'dev', device);
    run('address', 'add', `${own[6]}/64`, 'dev', device, 'nodad');
    run('link', 'set', device, 'up');
  }
  ip('route', 'add', 'default', 'via', outside[4]);
  ip('-6', 'route', 'add', 'default', 'via', outside[6]);
  return { ...namespace, addresses: outside, host };
}

function state(root: string): HostState {
  const lines = (program: string, ...args: readonly string[]): string[] =>
    execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  return {
    interfaces: lines('ip', '-o', 'link', 'show')
      .map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? line)
      .sort(byText),
    addresses: lines('ip', '-o', 'address', 'show')
      // Those that the kernel makes of a bridge's hardware address come when its first member does.
      .filter((line) => !line.includes('scope link'))
      .map((line) => line.replace(/\s+valid_lft.*$/, '').replace(/^\d+:\s+/, ''))
      .sort(byText),
    routes: [...lines('ip', 'route', 'show'), ...lines('ip', '-6', 'route', 'show')]
      .filter((line) => !line.startsWith('fe80::'))
      // Whether somebody is on a bridge is no leftover.
      .map((line) => line.replace(/( linkdown)/, ''))
      .sort(byText),
    rules: lines('nft', 'list', 'ruleset').map((line) => line.replace(/counter packets \d+ bytes \d+/, 'counter')),
    processes: processes(),
    files: namesBelow(root),
  };
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Command lines of those that are in the network namespace of this process. */
function processes(): readonly string[] {
  return pids()
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()];
      } catch {
        return [];
      }
    })
    .sort(byText);
}

/** What a subject leaves running has its end with the host that it served. */
function endProcesses(): void {
  for (const pid of pids()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

function pids(): readonly number[] {
  const own = readlinkSync('/proc/self/ns/net');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/net`) === own && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
      } catch {
        return false;
      }
    });
}
