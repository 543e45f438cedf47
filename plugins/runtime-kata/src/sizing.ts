import { type RuntimeResources, SlipwayError } from '@slipway/plugin-api';
import type { KataConfig } from './config.js';

const MiB = 1024 * 1024;

export interface MachineSize {
  readonly memoryMiB: number;
  readonly cpus: number;
}

/** What the container may use, and what the guest needs besides; without a limit the configured size. Errors: `failed-precondition` for more than the host has. */
export function machineSize(
  id: string,
  { memory, cpu }: RuntimeResources,
  config: KataConfig,
  host: { readonly cpus: number; readonly memoryBytes: number },
): MachineSize {
  const limit = memory?.limit ?? -1;
  const memoryMiB = limit <= 0 ? config.memory : Math.ceil(limit / MiB) + config.memory_overhead;
  if (memoryMiB * MiB > host.memoryBytes)
    throw tooMuch(id, `a machine of ${memoryMiB} MiB`, `${Math.floor(host.memoryBytes / MiB)} MiB of memory`);
  const most = config.max_cpus ?? host.cpus;
  const wanted = cpusOf(cpu) ?? Math.min(config.cpus, most);
  if (wanted > most) throw tooMuch(id, `a machine of ${wanted} processors`, `${most} for a machine`);
  return { memoryMiB, cpus: wanted };
}

/** Of a quota: so many processors, of which the last may not be whole. */
function cpusOf(cpu: RuntimeResources['cpu']): number | undefined {
  const { quota = -1, period = 100_000 } = cpu ?? {};
  return quota <= 0 ? undefined : Math.max(1, Math.ceil(quota / period));
}

/** Errors: `failed-precondition` where the machine, whose size stays, is too small for the new limits. */
export function checkUpdate(id: string, { memory, cpu }: RuntimeResources, size: MachineSize, config: KataConfig): void {
  const most = (size.memoryMiB - config.memory_overhead) * MiB;
  if ((memory?.limit ?? 0) > most)
    throw beyond(
      id,
      `a memory limit of ${memory?.limit} bytes`,
      `${most} bytes of memory for the container, and its size stays as it is`,
    );
  const cpus = cpusOf(cpu);
  if (cpus !== undefined && cpus > size.cpus)
    throw beyond(id, `time of ${cpus} processors`, `${size.cpus} processors, and their number stays as it is`);
}

function tooMuch(id: string, what: string, found: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'MACHINE_TOO_BIG',
    message: `container "${id}": ${what} is wanted, there are ${found}`,
    hint: 'give the container lower limits',
    details: { id },
  });
}

function beyond(id: string, what: string, has: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'MACHINE_TOO_SMALL',
    message: `container "${id}": its machine has ${has}; asked for: ${what}`,
    hint: 'stop the container and start it again with these limits',
    details: { id },
  });
}
