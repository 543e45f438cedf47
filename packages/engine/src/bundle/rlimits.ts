import { noRlimit } from '@slipway/oci';
import { type ContainerSettings, type RlimitSettings, type RuntimeProcess, SlipwayError } from '@slipway/plugin-api';
import type { HostFacts } from './host-facts.js';
import { invalid, quote } from './invalid.js';
import { nearNames } from './near-names.js';

export interface HardLimit {
  readonly name: string;
  /** {@link noRlimit}: none. */
  readonly hard: number;
}

/** Each kind's name, and what /proc/PID/limits calls it. */
const kinds: Readonly<Record<string, string>> = {
  RLIMIT_AS: 'Max address space',
  RLIMIT_CORE: 'Max core file size',
  RLIMIT_CPU: 'Max cpu time',
  RLIMIT_DATA: 'Max data size',
  RLIMIT_FSIZE: 'Max file size',
  RLIMIT_LOCKS: 'Max file locks',
  RLIMIT_MEMLOCK: 'Max locked memory',
  RLIMIT_MSGQUEUE: 'Max msgqueue size',
  RLIMIT_NICE: 'Max nice priority',
  RLIMIT_NOFILE: 'Max open files',
  RLIMIT_NPROC: 'Max processes',
  RLIMIT_RSS: 'Max resident set',
  RLIMIT_RTPRIO: 'Max realtime priority',
  RLIMIT_RTTIME: 'Max realtime timeout',
  RLIMIT_SIGPENDING: 'Max pending signals',
  RLIMIT_STACK: 'Max stack size',
};

/** The hard limits in the text of /proc/PID/limits. */
export function parseHardLimits(text: string): readonly HardLimit[] {
  return Object.entries(kinds).flatMap(([name, label]) => {
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${label} `));
    const hard = line?.slice(label.length).trim().split(/\s+/)[1];
    return hard === undefined ? [] : [{ name, hard: hard === 'unlimited' ? noRlimit : Number(hard) }];
  });
}

/**
 * Limits of the process, the last of a kind, `noRlimit` for none. They are set by what we start, so that nothing goes beyond our own hard limits
 * unless we may raise them (CAP_SYS_RESOURCE), and open files never beyond the kernel's fs.nr_open.
 * Errors: `RLIMIT_INVALID`; `failed-precondition` with `RLIMIT_TOO_HIGH`.
 */
export function processRlimits(
  { rlimits = [] }: Pick<ContainerSettings, 'rlimits'>,
  host: Pick<HostFacts, 'capabilities' | 'hardLimits' | 'maxOpenFiles'>,
): NonNullable<RuntimeProcess['rlimits']> {
  const byType = new Map(
    rlimits.map((limit) => {
      const type = parseType(limit.name);
      const [soft, hard] = [parseValue(limit, 'soft'), parseValue(limit, 'hard')];
      if (soft > hard) throw wrong(limit.name, `soft limit ${told(soft)} is above its hard limit ${told(hard)}`);
      checkPossible(type, hard, host);
      return [type, { type, soft, hard }] as const;
    }),
  );
  return [...byType.values()];
}

function parseType(name: string): string {
  const type = `RLIMIT_${name.toUpperCase().replace(/^RLIMIT_/, '')}`;
  if (Object.hasOwn(kinds, type)) return type;
  const names = Object.keys(kinds).map((kind) => kind.slice('RLIMIT_'.length).toLowerCase());
  const near = nearNames(name.toLowerCase(), names);
  throw invalid('RLIMIT_INVALID', `Limit ${quote(name)} is none that is known`, {
    hint: near.length > 0 ? `did you mean ${near.join(', ')}?` : `expected one of ${names.join(', ')}`,
    details: { near },
  });
}

function parseValue(limit: RlimitSettings, field: 'soft' | 'hard'): number {
  const value: unknown = limit[field];
  if (value === -1) return noRlimit;
  if (!Number.isSafeInteger(value) || Number(value) < 0)
    throw wrong(limit.name, `${field} limit is ${quote(String(value))}, expected a whole number from 0, or -1 for none`);
  return Number(value);
}

function checkPossible(type: string, hard: number, host: Pick<HostFacts, 'capabilities' | 'hardLimits' | 'maxOpenFiles'>): void {
  const mayRaise = host.capabilities.includes('CAP_SYS_RESOURCE');
  const own = host.hardLimits.find(({ name }) => name === type)?.hard ?? noRlimit;
  const limit = !mayRaise ? own : type === 'RLIMIT_NOFILE' ? host.maxOpenFiles : noRlimit;
  if (hard <= limit) return;
  const name = type.slice('RLIMIT_'.length).toLowerCase();
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'RLIMIT_TOO_HIGH',
    message: `Limit ${name}: hard limit ${told(hard)} is above ${told(limit)}, ${mayRaise ? "the kernel's fs.nr_open" : 'the hard limit of this process, which it may not raise'}`,
    hint: `choose at most ${told(limit)}, or start Slipway with a higher limit`,
    details: { limit: name, found: told(hard), expected: told(limit) },
  });
}

function told(value: number): string {
  return value === noRlimit ? 'unlimited' : String(value);
}

function wrong(name: string, why: string): SlipwayError {
  return invalid('RLIMIT_INVALID', `Limit ${quote(name)}: ${why}`, { hint: 'as in: nofile=1024:4096' });
}
