import { isAlive, readStatus } from '@slipway/monitor';
import type { ContainerStatus, ExitStatus, HealthRecord, MachineState, RuntimeState, StatusRecord } from '@slipway/plugin-api';
import { isRecorded } from '../operations/records.js';
import type { EngineParts } from '../settings.js';
import type { FoundContainer } from './find.js';
import { supervisionFolder } from './folder.js';
import { runtimeOf, stateIfThere } from './runtime-of.js';

/** What is so now, whoever started it and whoever was killed since. */
export interface ContainerState {
  readonly status: ContainerStatus;
  readonly pid?: number | undefined;
  readonly startedAt?: string | undefined;
  /** Of the run that ended last; absent where nobody saw how it ended, and before the first. */
  readonly exit?: ExitStatus | undefined;
  readonly restarts: number;
  readonly health?: HealthRecord | undefined;
  readonly machine?: MachineState | undefined;
  readonly unsupervised: boolean;
}

/** The operation that a run of the container is. */
export function runOperation(id: string): string {
  return `run-${id}`;
}

/**
 * While the record of a run is there the runtime knows; after that, and after a reboot, the last words of its monitor. So what never ran, or was cleaned up, is told
 * without the runtime.
 */
export async function containerState(parts: EngineParts, container: FoundContainer): Promise<ContainerState> {
  const { id, row } = container;
  if (isRecorded(parts.settings.state, runOperation(id))) {
    const state = await stateIfThere(await runtimeOf(parts, row), id);
    if (state !== undefined) return ofRuntime(state);
  }
  return ofRecord(readStatus(supervisionFolder(parts.settings, id)));
}

const statuses = {
  creating: 'created',
  created: 'created',
  running: 'running',
  paused: 'paused',
  restarting: 'restarting',
  stopped: 'exited',
} as const satisfies Record<RuntimeState['status'], ContainerStatus>;

function ofRuntime(state: RuntimeState): ContainerState {
  const { status, pid, startedAt, exit, restarts = 0, health, machine, supervised } = state;
  const isOver = status === 'stopped';
  return {
    status: statuses[status],
    pid,
    startedAt,
    exit,
    restarts,
    health: isOver ? undefined : health,
    machine: isOver ? undefined : machine,
    unsupervised: !isOver && !supervised,
  };
}

function ofRecord(record: StatusRecord | undefined): ContainerState {
  if (record === undefined) return { status: 'created', restarts: 0, unsupervised: false };
  const { process, monitor, startedAt, exit, restarts, health } = record;
  const lives = (one: typeof process): boolean => one !== undefined && isAlive(one, record.bootId);
  const isSupervised = lives(monitor);
  const told = { startedAt, restarts, unsupervised: false };
  switch (record.status) {
    case 'created':
      return { ...told, status: 'created', exit };
    case 'exited':
      return { ...told, status: 'exited', exit };
    case 'restarting':
      return isSupervised ? { ...told, status: 'restarting', exit } : { ...told, status: 'exited', exit };
    case 'running':
      return isSupervised || lives(process)
        ? { ...told, status: 'running', pid: process?.pid, exit, health, unsupervised: !isSupervised }
        : // Whoever watched it was killed, or the machine stopped.
          { ...told, status: 'exited' };
  }
}
