import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cgroup, cgroupOfProcess, isFrozen } from '@slipway/cgroups';
import { readStatus } from '@slipway/monitor';
import type { ProcessIdentity, RuntimeState, StatusRecord } from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';
import { isMarkedPaused, readCgroup, readMonitor, readRecord } from './container-record.js';
import { notFound } from './errors.js';
import { identityOf, lives } from './process-identity.js';
import type { Tool } from './tool.js';
import { askState } from './tool-state.js';

/** What is so now, and what it was seen by. */
export interface Observed {
  readonly state: RuntimeState;
  /** Of the monitor that lives. */
  readonly monitor: number | undefined;
  /** The container's first process, if it lives. */
  readonly process: ProcessIdentity | undefined;
}

/** How long a monitor may take to record the end of a process that has ended. Longer, and it hangs, or was stopped. */
const recordMs = 2_000;

/**
 * The truth by what lives: the monitor's record is true as long as monitor and process do. No command of the tool is started, unless a
 * creation was interrupted before the monitor recorded anything. Errors: `not-found`.
 */
export async function observe(tool: Tool, folder: ContainerFolder): Promise<Observed> {
  for (const deadline = Date.now() + recordMs; ; await sleep(2)) {
    const monitor = readMonitor(folder.monitor);
    const before = ownStatus(folder, monitor);
    const supervisor = lives(monitor) ? monitor.pid : undefined;
    // What was read before the monitor was found dead may not be the last that it recorded.
    const status = supervisor === undefined ? ownStatus(folder, monitor) : before;
    if (status === undefined) return await unrecorded(tool, folder, monitor);
    const process = lives(status.process) ? status.process : undefined;
    const isAhead =
      supervisor !== undefined && status.process !== undefined && process === undefined && status.status !== 'exited';
    // The process has ended a moment ago: how is about to be recorded.
    if (isAhead && Date.now() < deadline) continue;
    return { state: stateOf(folder, status, supervisor, process), monitor: supervisor, process };
  }
}

/** Frozen by `pause`; false for what has ended. */
function isPaused(folder: ContainerFolder, process: ProcessIdentity): boolean {
  try {
    return isMarkedPaused(folder, process) || isFrozen(cgroupOf(folder, process.pid));
  } catch {
    return false;
  }
}

/** The container's own, where it is known; else where its first process is now. */
export function cgroupOf(folder: ContainerFolder, pid: number): Cgroup {
  return readCgroup(folder) ?? cgroupOfProcess(pid);
}

/** A record of an earlier run may lie where the monitor is about to write its first. */
function ownStatus(folder: ContainerFolder, monitor: ProcessIdentity | undefined): StatusRecord | undefined {
  const directory = readRecord(folder)?.statusDirectory;
  const status = directory === undefined ? undefined : readable(directory);
  const isOwn = monitor !== undefined && status?.monitor.pid === monitor.pid && status.monitor.startTicks === monitor.startTicks;
  return isOwn && status.bootId === readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() ? status : undefined;
}

/** What is no record of a monitor's tells nothing; the tool is asked then. */
function readable(directory: string): StatusRecord | undefined {
  try {
    return readStatus(directory);
  } catch {
    return undefined;
  }
}

function stateOf(
  folder: ContainerFolder,
  status: StatusRecord,
  monitor: number | undefined,
  process: ProcessIdentity | undefined,
): RuntimeState {
  const { startedAt, exit, restarts, health } = status;
  return {
    id: folder.id,
    status: wordOf(folder, status, monitor, process),
    ...(process === undefined ? {} : { pid: process.pid }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(exit === undefined || isStale(status, monitor, process) ? {} : { exit }),
    restarts,
    ...(health === undefined ? {} : { health }),
    supervised: monitor !== undefined || status.status === 'exited',
  };
}

function wordOf(
  folder: ContainerFolder,
  { status }: StatusRecord,
  monitor: number | undefined,
  process: ProcessIdentity | undefined,
): RuntimeState['status'] {
  if (status === 'restarting' && monitor !== undefined) return 'restarting';
  if (status === 'exited' || process === undefined) return 'stopped';
  if (status === 'created') return 'created';
  return isPaused(folder, process) ? 'paused' : 'running';
}

/** The exit of the run before the one that nobody saw the end of says nothing of that one. */
function isStale(status: StatusRecord, monitor: number | undefined, process: ProcessIdentity | undefined): boolean {
  return status.status === 'running' && monitor === undefined && process === undefined;
}

/** The monitor has recorded nothing: it is being created, or creator or monitor was killed meanwhile. */
async function unrecorded(tool: Tool, folder: ContainerFolder, monitor: ProcessIdentity | undefined): Promise<Observed> {
  if (!existsSync(folder.directory)) throw notFound(folder.id);
  const supervisor = lives(monitor) ? monitor.pid : undefined;
  const { status, pid } = await askState(tool, folder);
  const process = pid === undefined ? undefined : identityOf(pid);
  const state = {
    id: folder.id,
    status,
    ...(process === undefined ? {} : { pid: process.pid }),
    supervised: supervisor !== undefined,
  };
  return { state, monitor: supervisor, process };
}
