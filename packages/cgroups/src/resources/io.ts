import type { IoDeviceLimits, ResourceLimits, RuntimeResources, ThrottledDevice } from '@slipway/plugin-api';
import type { CgroupHost } from '../host.js';
import { type BlockDevice, readBlockDevice } from './block-device.js';
import { missingLimit, wholeNumber } from './refusal.js';

const weights = { least: 10, most: 1000 };
const throttles = {
  readBps: 'throttleReadBpsDevice',
  writeBps: 'throttleWriteBpsDevice',
  readIops: 'throttleReadIOPSDevice',
  writeIops: 'throttleWriteIOPSDevice',
} as const;

export function ioOf(limits: ResourceLimits, host: CgroupHost): RuntimeResources['blockIO'] {
  const weight = wholeNumber('ioWeight', limits.ioWeight, weights);
  if (weight !== undefined && !host.ioWeight)
    throw missingLimit('ioWeight', 'its control groups cannot weigh disks', 'load the scheduler that can: modprobe bfq');
  const devices = (limits.ioDevices ?? []).filter((device) =>
    Object.entries(device).some(([key, value]) => key !== 'path' && value !== undefined),
  );
  const found = devices.map((device) => ({ limits: device, device: readBlockDevice(device.path) }));
  const io = {
    ...(weight === undefined ? {} : { weight }),
    ...weightDevices(found, host),
    ...throttled(found, host),
  };
  return Object.keys(io).length === 0 ? undefined : io;
}

type Limited = { readonly limits: IoDeviceLimits; readonly device: BlockDevice };

function weightDevices(
  devices: readonly Limited[],
  host: CgroupHost,
): Pick<NonNullable<RuntimeResources['blockIO']>, 'weightDevice'> {
  const weightDevice = devices.flatMap(({ limits, device }) => {
    const weight = wholeNumber(`weight of ${JSON.stringify(limits.path)}`, limits.weight, weights);
    return weight === undefined ? [] : [{ ...device, weight }];
  });
  if (weightDevice.length === 0) return {};
  if (!host.ioWeightDevice)
    throw missingLimit(
      'weight of a disk',
      'its control groups cannot weigh a single disk',
      'load the scheduler that can: modprobe bfq',
    );
  return { weightDevice };
}

function throttled(devices: readonly Limited[], host: CgroupHost): NonNullable<RuntimeResources['blockIO']> {
  const found: { -readonly [K in (typeof throttles)[keyof typeof throttles]]?: ThrottledDevice[] } = {};
  for (const { limits, device } of devices) {
    for (const [key, name] of Object.entries(throttles)) {
      // Bytes, or operations, a second; the kernel takes 0 for no limit.
      const rate = wholeNumber(`${key} of ${JSON.stringify(limits.path)}`, limits[key as keyof typeof throttles], { least: 0 });
      if (rate === undefined) continue;
      if (!host.ioThrottle) throw missingLimit(key, 'its control groups cannot throttle disks');
      found[name] = [...(found[name] ?? []), { ...device, rate }];
    }
  }
  return found;
}
