import type { OpenRuntime } from '@slipway/plugin-testkit';
import { broken } from './broken-runtime.ts';

/** Broken: nothing ends with the process that made it. */
export const openSubject: OpenRuntime = broken((sound) => ({
  create: (request) => sound.create({ ...request, dieWithParent: false }),
}));
