import type { RuntimeResources } from '@slipway/plugin-api';
import { cannot } from './refusal.js';

/**
 * Limits of a container as its guest keeps them, at its creation and later: the host's processors and swap are the whole machine's matter, and its control group's on the host.
 * Errors: `unimplemented` for what a machine cannot keep.
 */
export function guestResources(id: string, resources: RuntimeResources): RuntimeResources {
  checkResources(id, resources);
  const { cpu, memory, ...others } = resources;
  const { cpus: _cpus, mems: _mems, ...time } = cpu ?? {};
  const { swap: _swap, swappiness: _swappiness, ...limits } = memory ?? {};
  return {
    ...others,
    ...(Object.keys(limits).length === 0 ? {} : { memory: limits }),
    ...(Object.keys(time).length === 0 ? {} : { cpu: time }),
  };
}

/** Limits that were changed; what is not named stays. */
export function mergedResources(before: RuntimeResources, { memory, cpu, ...others }: RuntimeResources): RuntimeResources {
  return {
    ...before,
    ...others,
    ...(memory === undefined ? {} : { memory: { ...before.memory, ...memory } }),
    ...(cpu === undefined ? {} : { cpu: { ...before.cpu, ...cpu } }),
  };
}

function checkResources(id: string, { blockIO = {}, hugepageLimits = [], unified = {}, memory }: RuntimeResources): void {
  if (Object.keys(blockIO).length > 0) throw limit(id, 'limits of disks are of disks of the host');
  if (hugepageLimits.length > 0) throw limit(id, 'limits of huge pages are of memory of the host');
  if (Object.keys(unified).length > 0) throw limit(id, "files of the host's control groups are not those of the machine");
  if (memory?.disableOOMKiller === true) throw limit(id, 'a kernel with control groups of v2 always kills for lack of memory');
}

function limit(id: string, why: string) {
  return cannot(id, `a limit cannot be set in a virtual machine: ${why}`, 'leave the limit out');
}
