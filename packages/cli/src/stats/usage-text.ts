import { shortId } from '../containers/short-id.js';
import { printableJson } from '../printable.js';
import { table } from '../table.js';
import { formatBytes, formatMemory } from '../units.js';
import type { Usage } from './sample.js';

const headings = ['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET I/O', 'BLOCK I/O', 'PIDS'];
const unknown = '--';

export function usageTable(usages: readonly Usage[], isWhole: boolean): string {
  return table(
    headings,
    usages.map((usage) => cells(usage, isWhole)),
  );
}

function cells({ id, name, stats, cpuPercent, memoryPercent, memoryLimitBytes }: Usage, isWhole: boolean): readonly string[] {
  const known = stats !== undefined;
  return [
    isWhole ? id : shortId(id),
    name,
    percentText(cpuPercent),
    known ? `${formatMemory(Number(stats.memory.workingSetBytes))} / ${formatMemory(Number(memoryLimitBytes ?? 0n))}` : unknown,
    percentText(memoryPercent),
    pair(stats?.network?.receivedBytes, stats?.network?.sentBytes),
    pair(stats?.io.readBytes, stats?.io.writeBytes),
    known ? `${stats.pids.current}` : unknown,
  ];
}

function percentText(value: number | undefined): string {
  return value === undefined ? unknown : `${value.toFixed(2)}%`;
}

function pair(one: bigint | undefined, other: bigint | undefined): string {
  return one === undefined || other === undefined ? unknown : `${formatBytes(Number(one))} / ${formatBytes(Number(other))}`;
}

const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** One object on a line; counters are numbers with all of their digits. */
export function usageJson({ stats, ...rest }: Usage): string {
  return `${printableJson(numbers({ ...rest, ...stats }))}\n`;
}

function numbers(value: unknown): unknown {
  if (typeof value === 'bigint') return rawJSON(`${value}`);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, numbers(field)]));
}
