import type { IoDeviceLimits, ResourceLimits } from '@slipway/plugin-api';
import { parseByteSize } from '../../byte-size.js';
import { type Flags, integer, parsed, parsedAll, switched } from './flags.js';

const size = 'a size such as 512m or 2g';

/** What the flags of `limit-options.ts` ask for; undefined where none was given. Whether the host can do it is for the engine to say. */
export function limitsOf(flags: Flags): ResourceLimits | undefined {
  const ioDevices = ioDevicesOf(flags);
  const limits: ResourceLimits = {
    memory: parsed(flags, 'memory', positiveSize, size),
    memoryReservation: parsed(flags, 'memory-reservation', positiveSize, size),
    memorySwap: parsed(flags, 'memory-swap', (text) => (text === '-1' ? -1 : positiveSize(text)), `${size}, or -1 for no limit`),
    memorySwappiness: parsed(flags, 'memory-swappiness', (text) => between(text, 0, 100), 'a number from 0 to 100'),
    oomKillDisable: switched(flags, 'oom-kill-disable'),
    cpus: parsed(flags, 'cpus', decimal, 'a number above 0, such as 1.5'),
    cpuShares: parsed(flags, 'cpu-shares', (text) => integer(text, 0), 'a whole number'),
    cpuPeriod: parsed(flags, 'cpu-period', (text) => integer(text, 0), 'microseconds'),
    cpuQuota: parsed(flags, 'cpu-quota', (text) => integer(text, -1), 'microseconds, or -1 for no limit'),
    cpuset: flags.options.text('cpusetCpus'),
    cpusetMems: flags.options.text('cpusetMems'),
    pids: parsed(flags, 'pids-limit', (text) => integer(text, -1), 'a whole number, or -1 for no limit'),
    ioWeight: parsed(flags, 'blkio-weight', (text) => between(text, 10, 1000), 'a number from 10 to 1000'),
    ...(ioDevices.length === 0 ? {} : { ioDevices }),
  };
  return Object.values(limits).every((value) => value === undefined) ? undefined : limits;
}

const ioFlags = [
  ['blkio-weight-device', 'weight', (text: string) => between(text, 10, 1000), '/dev/NAME:WEIGHT, a weight from 10 to 1000'],
  ['device-read-bps', 'readBps', positiveSize, '/dev/NAME:SIZE, as in /dev/sda:10m'],
  ['device-write-bps', 'writeBps', positiveSize, '/dev/NAME:SIZE, as in /dev/sda:10m'],
  ['device-read-iops', 'readIops', (text: string) => integer(text, 1), '/dev/NAME:COUNT, as in /dev/sda:100'],
  ['device-write-iops', 'writeIops', (text: string) => integer(text, 1), '/dev/NAME:COUNT, as in /dev/sda:100'],
] as const;

/** All that is said of one device, together; the last of a kind. */
function ioDevicesOf(flags: Flags): readonly IoDeviceLimits[] {
  const byPath = new Map<string, IoDeviceLimits>();
  for (const [flag, key, parse, expected] of ioFlags) {
    const perDevice = (text: string) => {
      const colon = text.lastIndexOf(':');
      const [path, value] = [text.slice(0, colon), colon < 0 ? undefined : parse(text.slice(colon + 1))];
      return path.startsWith('/') && value !== undefined ? { path, value } : undefined;
    };
    for (const { path, value } of parsedAll(flags, flag, perDevice, expected) ?? [])
      byPath.set(path, { ...byPath.get(path), path, [key]: value });
  }
  return [...byPath.values()];
}

function positiveSize(text: string): number | undefined {
  return parseByteSize(text) || undefined;
}

function decimal(text: string): number | undefined {
  return /^\d{1,6}(\.\d{1,9})?$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
}

function between(text: string, least: number, most: number): number | undefined {
  const value = integer(text, least);
  return value !== undefined && value <= most ? value : undefined;
}
