import type { ResourceLimits, RuntimeResources } from '@slipway/plugin-api';
import type { CgroupHost } from '../host.js';
import { invalidLimit, missingLimit, wholeNumber } from './refusal.js';

/** Docker's: below it not even the runtime's own first process comes up. */
const leastMemory = 6 * 1024 * 1024;

export function memoryOf(limits: ResourceLimits, host: CgroupHost): RuntimeResources['memory'] {
  const limit = wholeNumber('memory', limits.memory, { least: leastMemory, none: true });
  const reservation = wholeNumber('memoryReservation', limits.memoryReservation, { least: leastMemory, none: true });
  const swappiness = wholeNumber('memorySwappiness', limits.memorySwappiness, { least: 0, most: 100 });
  const swap = swapOf(limits, host);
  const asked = { memory: limit, memoryReservation: reservation, memorySwappiness: swappiness, memorySwap: limits.memorySwap };
  const first =
    Object.entries(asked).find(([, value]) => value !== undefined)?.[0] ?? (limits.oomKillDisable ? 'oomKillDisable' : undefined);
  if (first === undefined) return undefined;
  if (!host.controllers.has('memory'))
    throw missingLimit(
      first,
      'its control groups have no memory controller',
      'cgroup_enable=memory on the command line of the kernel turns it on',
    );
  if (isBounded(limit) && isBounded(reservation) && reservation > limit)
    throw invalidLimit('memoryReservation', reservation, `it is more than the limit of memory, ${limit}`);
  if (swappiness !== undefined && host.version === 'v2')
    throw missingLimit('memorySwappiness', 'cgroup v2 knows no swappiness of a group');
  if (limits.oomKillDisable && host.version === 'v2')
    throw missingLimit('oomKillDisable', 'on cgroup v2 the kernel always kills for lack of memory');
  if (limits.oomKillDisable && !isBounded(limit))
    throw invalidLimit(
      'oomKillDisable',
      true,
      'without a limit of memory the host itself would stand still',
      'also give a limit: --memory',
    );
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(reservation === undefined ? {} : { reservation }),
    ...(swap === undefined ? {} : { swap }),
    ...(swappiness === undefined ? {} : { swappiness }),
    ...(limits.oomKillDisable === undefined ? {} : { disableOOMKiller: limits.oomKillDisable }),
  };
}

/** Memory and swap together. Where nothing is said it is twice the memory, as with Docker; without a limit of memory, none. */
function swapOf({ memory, memorySwap }: ResourceLimits, host: CgroupHost): number | undefined {
  if (memorySwap !== undefined && !host.swapAccounting)
    throw missingLimit(
      'memorySwap',
      'its kernel does not count swap',
      'swapaccount=1 on the command line of the kernel turns it on',
    );
  const swap = wholeNumber('memorySwap', memorySwap, { least: leastMemory, none: true });
  if (!isBounded(memory)) {
    if (isBounded(swap))
      throw invalidLimit(
        'memorySwap',
        swap,
        'it is the limit of memory and swap together, and there is none of memory',
        'also give one: --memory',
      );
    return memory === -1 && host.swapAccounting ? -1 : swap;
  }
  if (isBounded(swap) && swap < memory)
    throw invalidLimit('memorySwap', swap, `it is memory and swap together, and less than the limit of memory, ${memory}`);
  return swap ?? (host.swapAccounting ? Math.min(memory * 2, Number.MAX_SAFE_INTEGER) : undefined);
}

function isBounded(value: number | undefined): value is number {
  return value !== undefined && value !== -1;
}
