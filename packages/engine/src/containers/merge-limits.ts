import type { IoDeviceLimits, ResourceLimits } from '@slipway/plugin-api';

/**
 * What is absent stays. `cpus` takes the place of period and quota, and they of it, for they say the same. Disks are told apart by their paths, and what is absent of
 * one stays, too.
 */
export function changedLimits(limits: ResourceLimits, changes: ResourceLimits): ResourceLimits {
  const given = defined(changes);
  const kept: { -readonly [K in keyof ResourceLimits]: ResourceLimits[K] } = { ...limits };
  if (given.cpus !== undefined) {
    delete kept.cpuPeriod;
    delete kept.cpuQuota;
  }
  if (given.cpuPeriod !== undefined || given.cpuQuota !== undefined) delete kept.cpus;
  const ioDevices = changedDevices(limits.ioDevices ?? [], given.ioDevices ?? []);
  return { ...kept, ...given, ...(ioDevices.length === 0 ? {} : { ioDevices }) };
}

function changedDevices(devices: readonly IoDeviceLimits[], changes: readonly IoDeviceLimits[]): readonly IoDeviceLimits[] {
  const byPath = new Map(devices.map((device) => [device.path, device]));
  for (const change of changes) byPath.set(change.path, { ...byPath.get(change.path), ...defined(change), path: change.path });
  return [...byPath.values()];
}

function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
