import { expect } from 'vitest';
import type { Host } from './host.ts';

/** Nothing of the host's containers is left on the machine. */
export function expectClean(host: Host): void {
  expect(host.leftovers()).toEqual({ processes: [], mounts: [], cgroups: [], containers: [], tool: [] });
}
