import { totalmem } from 'node:os';
import type { RuntimeStats } from '@slipway/plugin-api';

/** A container at one moment. Without `stats` it did not run then. */
export interface Sample {
  readonly id: string;
  readonly name: string;
  readonly stats?: RuntimeStats | undefined;
}

export interface Usage extends Sample {
  /** Of one processor, since the sample before; absent with the first. */
  readonly cpuPercent?: number;
  readonly memoryPercent?: number;
  readonly memoryLimitBytes?: bigint;
}

/** What a container used from one sample to the next. One that was started anew between them counts from its start. */
export function usageBetween(before: Sample | undefined, now: Sample): Usage {
  const { stats } = now;
  if (stats === undefined) return now;
  const limit = limitOf(stats);
  const memory = { memoryPercent: percent(stats.memory.workingSetBytes, limit), memoryLimitBytes: limit };
  const elapsedNs = BigInt(Math.round((Date.parse(stats.readAt) - Date.parse(before?.stats?.readAt ?? '')) * 1e6) || 0);
  if (before?.stats === undefined || elapsedNs <= 0n) return { ...now, ...memory };
  const used = stats.cpu.usageNs - before.stats.cpu.usageNs;
  return { ...now, ...memory, cpuPercent: percent(used < 0n ? stats.cpu.usageNs : used, elapsedNs) };
}

/** The machine's memory is a limit, too. */
function limitOf({ memory: { limitBytes } }: RuntimeStats): bigint {
  const all = BigInt(totalmem());
  return limitBytes === undefined || limitBytes > all ? all : limitBytes;
}

function percent(part: bigint, whole: bigint): number {
  return whole <= 0n ? 0 : Math.round((Number(part) / Number(whole)) * 10_000) / 100;
}
