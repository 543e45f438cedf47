import type { Cost } from './measure.ts';

/** One measured command. */
export interface Sample extends Cost {
  readonly workload: string;
  readonly contender: string;
}

/** The medians of all runs of one workload by one contender. */
export interface Result extends Cost {
  readonly workload: string;
  readonly contender: string;
  readonly runs: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function results(samples: readonly Sample[]): Result[] {
  const groups = Map.groupBy(samples, ({ workload, contender }) => `${workload}\n${contender}`);
  return [...groups.values()].map((group) => ({
    workload: group[0]?.workload ?? '',
    contender: group[0]?.contender ?? '',
    runs: group.length,
    wallMs: median(group.map(({ wallMs }) => wallMs)),
    cpuMs: median(group.map(({ cpuMs }) => cpuMs)),
    peakBytes: median(group.map(({ peakBytes }) => peakBytes)),
  }));
}

/** A row a workload, a column a contender: wall time, CPU time and peak memory, and in parentheses the wall time as a multiple of `base`'s. */
export function table(all: readonly Result[], base: string): string {
  const contenders = [...new Set(all.map(({ contender }) => contender))];
  const workloads = [...new Set(all.map(({ workload }) => workload))];
  const rows = workloads.map((workload) => {
    const of = (contender: string) => all.find((one) => one.workload === workload && one.contender === contender);
    return [workload, ...contenders.map((contender) => cell(of(contender), of(base)))];
  });
  const head = ['wall / cpu / peak', ...contenders];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function cell(result: Result | undefined, base: Result | undefined): string {
  if (!result) return '';
  const ratio = base && result !== base ? ` (${(result.wallMs / base.wallMs).toFixed(2)} x)` : '';
  const memory = result.peakBytes > 0 ? ` / ${Math.round(result.peakBytes / 2 ** 20)} MiB` : '';
  return `${time(result.wallMs)} / ${time(result.cpuMs)}${memory}${ratio}`;
}

function time(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${Math.round(ms)} ms`;
}
