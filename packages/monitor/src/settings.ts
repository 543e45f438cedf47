import path from 'node:path';
import { SlipwayError, type Supervision } from '@slipway/plugin-api';
import type { MonitorOptions, ToolRun } from './monitor-options.js';

/** The first requests to a new monitor, in order. `firstFd` is the number of the first mount's descriptor there. */
export function settingsRequests(options: MonitorOptions, firstFd: number): string[][] {
  const { supervision, starting, deletion } = options;
  const attached = options.stdin === 'attached';
  return [
    ['setup', options.folder, flag(options.dieWithParent), flag(options.exec === true), flag(attached)],
    ...(deletion === undefined ? [] : [command('delete', deletion)]),
    ...(starting === undefined ? [] : [command('start', starting)]),
    ...(supervision === undefined ? [] : supervisionRequests(supervision, options)),
    ...(options.memoryOf === undefined ? [] : [['memory', String(options.memoryOf)]]),
    ...(options.unmount ?? []).map((directory) => ['unmount', directory]),
    ...options.mounts.map(({ directory }, index) => ['mount', String(firstFd + index), directory]),
  ];
}

export function command(name: 'delete' | 'start' | 'probe', { args, limitMs }: ToolRun): string[] {
  return ['command', name, String(limitMs), ...args];
}

function supervisionRequests(supervision: Supervision, options: MonitorOptions): string[][] {
  const { directory, fleeting = false, log, restart, health, afterEnd, events = '' } = supervision;
  const id = options.id ?? path.basename(directory);
  const files = [String(log?.maxBytes ?? 0), String(log?.maxFiles ?? 0)];
  const policy = [restart?.name ?? 'no', String(restart?.maximumRetries ?? 0)];
  const requests = [['supervise', directory, flag(fleeting), ...files, ...policy, events, id]];
  if (afterEnd !== undefined) requests.push(['after-end', String(afterEnd.env.length), ...afterEnd.env, ...afterEnd.args]);
  if (health === undefined) return requests;
  if (options.probe === undefined) throw probeMissing(id);
  const periods = [health.intervalMs, health.startPeriodMs, health.startIntervalMs];
  requests.push(command('probe', { args: options.probe, limitMs: health.timeoutMs }));
  requests.push(['health', ...periods.map(String), String(health.retries)]);
  return requests;
}

function flag(value: boolean): string {
  return value ? '1' : '0';
}

function probeMissing(id: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'MONITOR_ARGUMENTS',
    message: `container monitor of "${id}": a health probe is wanted, but there is no command that runs it`,
  });
}
