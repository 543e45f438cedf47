import type { ResourceLimits, RuntimeResources } from '@slipway/plugin-api';
import { parseCpuList } from '../cpu-list.js';
import type { CgroupHost } from '../host.js';
import { invalidLimit, missingLimit, wholeNumber } from './refusal.js';

/** Microseconds; the kernel's default and bounds. */
const defaultPeriod = 100_000;
const periods = { least: 1000, most: 1_000_000 };

export function cpuOf(limits: ResourceLimits, host: CgroupHost): RuntimeResources['cpu'] {
  const shares = wholeNumber('cpuShares', limits.cpuShares, { least: 2, most: 262_144 });
  const time = limits.cpus === undefined ? timeOf(limits) : timeOfCpus(limits.cpus, limits, host);
  const given = shares === undefined ? Object.keys(time)[0] : 'cpuShares';
  if (given !== undefined && !host.controllers.has('cpu')) throw missingLimit(given, 'its control groups have no cpu controller');
  const cpus = listOf('cpuset', limits.cpuset, 'processors', host.cpus, host);
  const mems = listOf('cpusetMems', limits.cpusetMems, 'memory nodes', host.memoryNodes, host);
  const cpu = {
    ...(shares === undefined ? {} : { shares }),
    ...time,
    ...(cpus === undefined ? {} : { cpus }),
    ...(mems === undefined ? {} : { mems }),
  };
  return Object.keys(cpu).length === 0 ? undefined : cpu;
}

type CpuTime = { readonly quota?: number; readonly period?: number };

function timeOf(limits: ResourceLimits): CpuTime {
  const period = wholeNumber('cpuPeriod', limits.cpuPeriod, periods);
  const quota = wholeNumber('cpuQuota', limits.cpuQuota, { least: 1000, none: true });
  return { ...(quota === undefined ? {} : { quota }), ...(period === undefined ? {} : { period }) };
}

/** `1.5` is 150 ms in each 100 ms. 0 is no limit, as Docker has it. */
function timeOfCpus(cpus: number, { cpuPeriod, cpuQuota }: ResourceLimits, host: CgroupHost): CpuTime {
  if (cpuPeriod !== undefined || cpuQuota !== undefined)
    throw invalidLimit('cpus', cpus, 'it says the same as cpuPeriod and cpuQuota: give the one or the others');
  if (cpus === 0) return { quota: -1, period: defaultPeriod };
  if (!(cpus >= 0.01 && cpus <= host.cpus.length))
    throw invalidLimit('cpus', cpus, `it must be from 0.01 to ${host.cpus.length}, for so many processors has this host`);
  return { quota: Math.round(cpus * defaultPeriod), period: defaultPeriod };
}

function listOf(
  name: string,
  text: string | undefined,
  of: string,
  online: readonly number[],
  host: CgroupHost,
): string | undefined {
  if (text === undefined) return undefined;
  const wanted = parseCpuList(text);
  if (wanted === undefined) throw invalidLimit(name, text, 'it must be a list of numbers, as 0-3,5');
  const missing = wanted.filter((number) => !online.includes(number));
  if (missing.length > 0) throw invalidLimit(name, text, `of these ${of} this host has only ${rangesOf(online)}`);
  if (!host.controllers.has('cpuset')) throw missingLimit(name, 'its control groups have no cpuset controller');
  return text.trim();
}

/** `0-3,5` */
function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
