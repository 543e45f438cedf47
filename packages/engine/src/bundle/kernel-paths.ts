import type { HostFacts } from './host-facts.js';

/** Hidden: they tell about or reach the host's hardware, memory, keys and other processes. Docker's list. */
export function maskedPaths(host: HostFacts): readonly string[] {
  return [
    '/proc/acpi',
    '/proc/asound',
    '/proc/interrupts', // GHSA-6fw5-f8r9-fgfm, as are the thermal folders: key strokes by their timing
    '/proc/kcore',
    '/proc/keys',
    '/proc/latency_stats',
    '/proc/sched_debug',
    '/proc/scsi',
    '/proc/timer_list',
    '/proc/timer_stats',
    '/sys/devices/virtual/powercap', // GHSA-jq35-85cj-fj4p: secrets by power consumption
    '/sys/firmware',
    ...host.thermalThrottlePaths,
  ];
}

/** Seen and not changed: writing there changes the host. */
export const readonlyPaths: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
