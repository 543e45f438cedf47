import type { ContainerSummary } from '@slipway/plugin-api';
import { formatSpan } from '../units.js';

/** How a container is, in docker's words: `Up 3 minutes (healthy)`, `Exited (137) 2 hours ago`. */
export function statusText(container: ContainerSummary, nowMs: number): string {
  const { status, exitCode, finishedAt, oomKilled } = container;
  switch (status) {
    case 'created':
      return 'Created';
    case 'running':
    case 'paused':
      return `Up ${span(container.startedAt, nowMs)}${remarks(container)}`;
    case 'restarting':
      return `Restarting (${exitCode ?? 'unknown'})${ago(finishedAt, nowMs)}`;
    case 'exited':
      return `Exited (${exitCode ?? 'unknown'})${ago(finishedAt, nowMs)}${oomKilled === true ? ' (out of memory)' : ''}`;
  }
}

function remarks({ status, health, unsupervised }: ContainerSummary): string {
  const all = [
    ...(status === 'paused' ? ['Paused'] : []),
    ...(health === undefined ? [] : [health.status === 'starting' ? 'health: starting' : health.status]),
    ...(unsupervised === true ? ['unsupervised'] : []),
  ];
  return all.length === 0 ? '' : ` (${all.join(', ')})`;
}

function ago(time: string | undefined, nowMs: number): string {
  return time === undefined ? '' : ` ${span(time, nowMs)} ago`;
}

function span(time: string | undefined, nowMs: number): string {
  return formatSpan(nowMs - Date.parse(time ?? ''));
}
