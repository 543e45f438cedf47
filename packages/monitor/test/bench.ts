import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectMonitor, type Monitor, type MonitorConnection, type MonitorOptions, startMonitor } from '@slipway/monitor';
import type { HealthProbe, Supervision } from '@slipway/plugin-api';

export const sh = (script: string) => ['/bin/sh', '-c', script];

/**
 * A scratch folder with "containers" that are shell scripts: creation leaves a process that waits for the file `go`, start makes it, and
 * the deletion counts its runs in `deleted`. All of them work in `folder`; what they supervise is recorded in `record`.
 */
export class Bench implements AsyncDisposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-monitor-'));
  readonly record = path.join(this.folder, 'record');
  readonly monitors: Monitor[] = [];
  readonly connections: MonitorConnection[] = [];

  constructor() {
    mkdirSync(this.record, { mode: 0o700 });
  }

  readonly starting = { args: sh('touch go'), limitMs: 10_000 };
  readonly deletion = { args: sh('rm -f go; echo deleted >>deleted'), limitMs: 10_000 };

  async monitor(options: Partial<MonitorOptions> = {}): Promise<Monitor> {
    const monitor = await startMonitor({
      folder: this.folder,
      dieWithParent: false,
      stdin: 'null',
      stdout: 'null',
      stderr: 'null',
      mounts: [],
      keepOpen: [],
      starting: this.starting,
      deletion: this.deletion,
      ...options,
    });
    this.monitors.push(monitor);
    return monitor;
  }

  /** The container runs `script` once it is started. */
  creation(script: string) {
    const pidFile = path.join(this.folder, 'pid');
    const program = path.join(this.folder, 'program');
    writeFileSync(program, `until [ -e go ]; do sleep 0.005; done\n${script}\n`);
    return { args: sh(`exec 3<&0; /bin/sh ${program} <&3 3<&- & echo $! >${pidFile}`), pidFile, limitMs: 10_000 };
  }

  /** Created and started. */
  async run(script: string, options: Partial<MonitorOptions> = {}): Promise<Monitor> {
    const monitor = await this.monitor(options);
    await monitor.create(this.creation(script));
    await monitor.start();
    return monitor;
  }

  supervision(more: { restart?: Supervision['restart']; log?: Supervision['log']; health?: HealthProbe } = {}) {
    return { directory: this.record, events: path.join(this.folder, 'events'), ...more } satisfies Supervision;
  }

  async connect(monitor: Monitor): Promise<MonitorConnection> {
    const connection = await connectMonitor(this.folder, monitor.pid);
    this.connections.push(connection);
    return connection;
  }

  deletions(): number {
    return this.lines('deleted').length;
  }

  events(): { action: string; id: string; attributes: Record<string, string> }[] {
    return this.lines('events').map((line) => JSON.parse(line));
  }

  lines(name: string): string[] {
    const file = path.join(this.folder, name);
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  }

  /** The text of the log, oldest line first: [stream, tag, text]. */
  log(): (readonly [string, string, string])[] {
    const number = (name: string) => Number(name.split('.')[1] ?? 0);
    const names = readdirSync(this.record).filter((name) => /^log(\.\d+)?$/.test(name));
    return names
      .sort((a, b) => number(b) - number(a))
      .flatMap((name) => readFileSync(path.join(this.record, name), 'latin1').split('\n').slice(0, -1))
      .map((line) => {
        const match = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) ([FP]) (.*)$/s.exec(line);
        if (match === null) throw new Error(`a broken line: ${JSON.stringify(line.slice(0, 200))}`);
        return [match[1] ?? '', match[2] ?? '', match[3] ?? ''] as const;
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.connections) connection[Symbol.dispose]();
    for (const monitor of this.monitors) {
      if (isProcess(monitor.pid)) process.kill(monitor.pid, 'SIGTERM');
      await monitor.ended;
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function isProcess(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}
