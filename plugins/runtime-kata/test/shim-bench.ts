import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Monitor, type MonitorOptions, startMonitor } from '@slipway/monitor';
import type { TerminalSize } from '@slipway/plugin-api';
import { type FakeProcess, field, type Scenario } from './shim-wire.ts';

export const shim =
  process.env['SLIPWAY_KATA_SHIM'] ?? path.resolve(import.meta.dirname, '../../../native/kata-shim/build/slipway-kata-shim');
export const nobody = ['65534', '65534', ''] as const;

/** What a fake QEMU is run by, wherever that was installed. */
const shownFiles = ['/usr', '/bin', '/lib', '/lib64', '/etc/ld.so.cache', '/dev/urandom', path.dirname(process.execPath)];
export const shown = shownFiles.map((file) => ['show', file] as const);

export function frames(...steps: readonly (readonly (string | Buffer)[])[]): Buffer {
  return Buffer.concat(
    steps.map((strings) => {
      const bytes = Buffer.concat(strings.map((string) => (typeof string === 'string' ? Buffer.from(`${string}\0`) : string)));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return Buffer.concat([length, bytes]);
    }),
  );
}

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container's folder with its plan, and the shim's root folder beside it. */
export class ShimBench implements AsyncDisposable {
  readonly base = mkdtempSync(path.join(os.tmpdir(), 'slipway-shim-'));
  readonly folder = path.join(this.base, 'container');
  readonly root: string;
  readonly record = path.join(this.base, 'record');
  readonly id: string;
  readonly monitors: Monitor[] = [];
  private readonly fake = path.join(this.base, 'shim-fake-qemu.ts');
  private readonly log = path.join(this.base, 'requests');

  constructor(id = 'box', root = 'root') {
    this.id = id;
    this.root = path.join(this.base, root);
    // QEMU is not run as root, and reads its program.
    chmodSync(this.base, 0o755);
    for (const name of ['shim-fake-qemu.ts', 'shim-wire.ts']) {
      copyFileSync(path.join(import.meta.dirname, name), path.join(this.base, name));
      chmodSync(path.join(this.base, name), 0o644);
    }
    for (const folder of [this.folder, this.record]) mkdirSync(folder, { mode: 0o700 });
    writeFileSync(this.log, '');
  }

  /** The steps of a machine with one process in it. */
  steps(scenario: Scenario, container: FakeProcess = {}): (readonly (string | Buffer)[])[] {
    const create = Buffer.concat([field(1, this.id), field(2, this.id), field(4, JSON.stringify(container))]);
    return [
      ['user', ...nobody],
      ['boot-limit', '20000'],
      ['file', '9', this.log, 'rw'],
      ...shown,
      ['show', this.base],
      [
        'qemu',
        process.execPath,
        '--no-warnings',
        this.fake,
        '@agent@',
        '@qmp@',
        '@console@',
        JSON.stringify({ log: 9, ...scenario }),
      ],
      ['hello'],
      ['clock'],
      ['random'],
      ['call', 'grpc.AgentService', 'CreateContainer', create],
    ];
  }

  plan(steps: readonly (readonly (string | Buffer)[])[]): void {
    writeFileSync(path.join(this.folder, 'vm.plan'), frames(...steps), { mode: 0o600 });
  }

  args(verb: string, ...options: readonly string[]): string[] {
    return [shim, '--root', this.root, '--log-format', 'json', verb, ...options];
  }

  async run(verb: string, ...options: readonly string[]): Promise<Result> {
    return await run(this.args(verb, ...options), this.folder);
  }

  async monitor(options: Partial<MonitorOptions> = {}): Promise<Monitor> {
    const monitor = await startMonitor({
      folder: this.folder,
      dieWithParent: false,
      stdin: 'null',
      stdout: 'null',
      stderr: 'null',
      mounts: [],
      keepOpen: [],
      starting: { args: this.args('start', this.id), limitMs: 30_000 },
      deletion: { args: this.args('delete', '--force', this.id), limitMs: 30_000 },
      ...options,
    });
    this.monitors.push(monitor);
    return monitor;
  }

  async create(monitor: Monitor, terminal?: TerminalSize): Promise<number> {
    const pidFile = path.join(this.folder, 'pid');
    const socket = terminal === undefined ? [] : ['--console-socket', monitor.consoleSocket];
    return await monitor.create({
      args: this.args('create', '--bundle', this.folder, '--pid-file', pidFile, ...socket, this.id),
      pidFile,
      limitMs: 60_000,
      terminal,
    });
  }

  /** Created and started under a monitor. */
  async started(container: FakeProcess, scenario: Scenario = {}, options: Partial<MonitorOptions> = {}): Promise<Monitor> {
    this.plan(this.steps(scenario, container));
    const monitor = await this.monitor(options);
    await this.create(monitor);
    await monitor.start();
    return monitor;
  }

  /** Another process, under a monitor of its own in a folder of its own. */
  async exec(what: FakeProcess | Uint8Array, options: Partial<MonitorOptions> = {}, terminal?: TerminalSize): Promise<Monitor> {
    const folder = mkdtempSync(path.join(this.base, 'exec-'));
    const process = this.request(folder, what);
    const monitor = await this.monitor({
      folder,
      exec: true,
      dieWithParent: true,
      starting: undefined,
      deletion: undefined,
      ...options,
    });
    const pidFile = path.join(folder, 'pid');
    const socket = terminal === undefined ? [] : ['--console-socket', monitor.consoleSocket];
    await monitor.create({
      args: this.args('exec', '--detach', '--process', process, '--pid-file', pidFile, ...socket, this.id),
      pidFile,
      limitMs: 60_000,
      terminal,
    });
    return monitor;
  }

  request(folder: string, what: FakeProcess | Uint8Array): string {
    const file = path.join(folder, 'process.json');
    const encoded = what instanceof Uint8Array ? what : Buffer.concat([field(1, this.id), field(4, JSON.stringify(what))]);
    writeFileSync(`${file}.pb`, encoded);
    return file;
  }

  requests(): string[] {
    return readFileSync(this.log, 'utf8').split('\n').slice(0, -1);
  }

  /** Processes of this bench that live: the shim's and what it has started. */
  processes(): number[] {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => Number.isSafeInteger(pid) && this.isOurs(pid));
  }

  private isOurs(pid: number): boolean {
    try {
      const isZombie = /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      return !isZombie && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(this.base);
    } catch {
      return false;
    }
  }

  noted(name: string): number {
    const list = readFileSync(path.join(this.root, this.id, 'processes'), 'utf8');
    return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(list)?.[1]);
  }

  /** Nothing of the container is left. */
  async gone(): Promise<void> {
    await until(() => this.processes().length === 0);
    if (existsSync(path.join(this.root, this.id)))
      throw new Error(`left: ${readdirSync(path.join(this.root, this.id)).join(' ')}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const monitor of this.monitors) {
      if (existsSync(`/proc/${monitor.pid}`)) process.kill(monitor.pid, 'SIGTERM');
      await monitor.ended;
    }
    if (existsSync(path.join(this.root, this.id))) await this.run('delete', '--force', this.id);
    rmSync(this.base, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function run([binary = '', ...args]: readonly string[], cwd: string): Promise<Result> {
  return new Promise((resolve) => {
    execFile(binary, args, { cwd, env: { PATH: process.env['PATH'] ?? '' } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
    });
  });
}

/** Fails with the words of the condition, and what is there instead, when it has not become so after a time that only a defect needs. */
export async function until(condition: () => boolean, found: () => unknown = () => ''): Promise<void> {
  for (const end = Date.now() + 90_000; !condition(); await sleep(5))
    if (Date.now() > end) throw new Error(`it does not become so: ${condition}; found ${JSON.stringify(found())}`);
}

export async function readAll(stream: AsyncIterable<Buffer> | undefined): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream ?? []) parts.push(part);
  return Buffer.concat(parts).toString();
}
