import type { Check } from './check.ts';
import { cpuChecks } from './cpu-checks.ts';
import { ioChecks } from './io-checks.ts';
import { memoryChecks } from './memory-checks.ts';
import { processChecks } from './process-checks.ts';
import { updateChecks } from './update-checks.ts';

/** The same on every host and with every driver. */
export const checks: readonly Check[] = [...memoryChecks, ...cpuChecks, ...processChecks, ...ioChecks, ...updateChecks];
