import type { ResourceLimits, RuntimeResources } from '@slipway/plugin-api';
import type { CgroupHost } from '../host.js';
import { cpuOf } from './cpu.js';
import { ioOf } from './io.js';
import { memoryOf } from './memory.js';
import { missingLimit, wholeNumber } from './refusal.js';

/**
 * What is asked for as config.json has it, by Docker's rules. What is absent is left to the kernel.
 * Errors: `invalid-argument` (LIMIT_INVALID, NOT_A_DISK) for what no host could set, `unimplemented` (LIMIT_NOT_SUPPORTED) for what this one cannot.
 */
export function resourcesOf(limits: ResourceLimits, host: CgroupHost): RuntimeResources {
  const memory = memoryOf(limits, host);
  const cpu = cpuOf(limits, host);
  const pids = pidsOf(limits, host);
  const blockIO = ioOf(limits, host);
  return {
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(pids === undefined ? {} : { pids }),
    ...(blockIO === undefined ? {} : { blockIO }),
  };
}

/** With Docker 0 is none, too. */
function pidsOf(limits: ResourceLimits, host: CgroupHost): RuntimeResources['pids'] {
  const pids = wholeNumber('pids', limits.pids, { least: 0, none: true });
  if (pids === undefined) return undefined;
  if (!host.controllers.has('pids')) throw missingLimit('pids', 'its control groups have no pids controller');
  return { limit: pids === 0 ? -1 : pids };
}
