import { readdirSync, readFileSync } from 'node:fs';
import { cloudKernel } from '@slipway/machine';
import { leftInPlace, type Place } from './place.ts';

/** Lines of a config file by which the stack `kata` runs on any machine: emulated, with the kernel that tests bring in. */
export function machineConfig(): string {
  const { kernel, modules } = cloudKernel();
  return `[plugin.runtime-kata]
kernel = ${JSON.stringify(kernel)}
modules = ${JSON.stringify(modules)}
accel = "tcg"
memory = 128
boot_limit = 300`;
}

/** As {@link leftInPlace}, and loop devices. */
export function leftOfMachines(place: Place): string[] {
  return [...leftInPlace(place), ...loopDevices().filter((line) => line.includes(place.folder) || line.includes(place.root))];
}

function loopDevices(): string[] {
  return readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .flatMap((name) => {
      try {
        return [`loop device ${name} of ${readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim()}`];
      } catch {
        return [];
      }
    });
}

/** The number of a process of a container's machine, as the shim's folder has it. */
export function processOfMachine({ state }: Place, id: string, name: string): number {
  const list = readFileSync(`${state}/runtime.v1/kata/tool/${id}/processes`, 'utf8');
  const found = new RegExp(`^${name} (\\d+) `, 'm').exec(list)?.[1];
  if (found === undefined) throw new Error(`there is no "${name}" in: ${list}`);
  return Number(found);
}
