import { SlipwayError } from '@slipway/plugin-api';
import type { HostFacts } from './host-facts.js';
import { invalid, quote } from './invalid.js';

/**
 * How willingly the kernel kills it for lack of memory. Below our own value takes CAP_SYS_RESOURCE.
 * Errors: `OOM_SCORE_INVALID`; `failed-precondition` with `OOM_SCORE_TOO_LOW`.
 */
export function checkOomScoreAdj(value: number, host: Pick<HostFacts, 'capabilities' | 'oomScoreAdj'>): number {
  if (!Number.isInteger(value) || value < -1000 || value > 1000)
    throw invalid('OOM_SCORE_INVALID', `OOM score ${quote(String(value))} is not a whole number from -1000 to 1000`);
  if (value < host.oomScoreAdj && !host.capabilities.includes('CAP_SYS_RESOURCE'))
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'OOM_SCORE_TOO_LOW',
      message: `OOM score ${value} is below ${host.oomScoreAdj}, that of this process, which lacks CAP_SYS_RESOURCE`,
      hint: `choose ${host.oomScoreAdj} or more`,
      details: { found: value, expected: host.oomScoreAdj },
    });
  return value;
}
