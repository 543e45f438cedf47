import type { ContainerSettings } from '@slipway/plugin-api';
import { checkAbsolutePath } from './absolute-path.js';
import type { HostFacts } from './host-facts.js';

/** Hidden: they tell about or reach the host's hardware, memory, keys and other processes. Docker's list. */
function defaultMaskedPaths(host: Pick<HostFacts, 'thermalThrottlePaths'>): readonly string[] {
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
const defaultReadonlyPaths: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/**
 * What is hidden from the container, and what it cannot change: of a privileged one nothing, unless it is asked for. Errors: `PATH_INVALID`.
 */
export function kernelPaths(
  settings: Pick<ContainerSettings, 'privileged' | 'maskedPaths' | 'readonlyPaths' | 'mask' | 'unmask'>,
  host: Pick<HostFacts, 'thermalThrottlePaths'>,
): { readonly maskedPaths: readonly string[]; readonly readonlyPaths: readonly string[] } {
  const { mask = [], unmask = [] } = settings;
  const choose = (asked: readonly string[] | false | undefined, usual: readonly string[]) =>
    asked === false ? [] : (asked ?? (settings.privileged ? [] : usual));
  const open = (path: string) => unmask.some((above) => above === '/' || path === above || path.startsWith(`${above}/`));
  const masked = choose(settings.maskedPaths, defaultMaskedPaths(host)).filter((path) => !open(path));
  const maskedPaths = [...new Set([...masked, ...mask])];
  const readonlyPaths = choose(settings.readonlyPaths, defaultReadonlyPaths).filter(
    (path) => !open(path) && !mask.includes(path),
  );
  for (const path of [...maskedPaths, ...readonlyPaths, ...unmask])
    checkAbsolutePath('PATH_INVALID', 'Masked or read-only path', path);
  return { maskedPaths, readonlyPaths };
}
