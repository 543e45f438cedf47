import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cloudKernel } from '@slipway/machine';
import { leftInPlace, makePlace, namesIn, type Place } from './place.ts';

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

/** A place whose machines begin as copies of one, which is booted here: the most that a test of many machines can spare. */
export async function cloningPlace(image: string): Promise<Place> {
  const place = makePlace(`${machineConfig()}\ntemplate = true`);
  await using engine = await place.open();
  await (await engine.run({ image, stack: 'kata', args: ['true'], removeAtExit: true })).output();
  const templates = `${place.state}/runtime.v1/kata/templates`;
  const made = () => namesIn(templates).flatMap((name) => namesIn(path.join(templates, name)));
  // A process of low priority makes it.
  for (const deadline = Date.now() + 300_000; !made().includes('state'); await sleep(50))
    if (Date.now() > deadline) throw new Error(`there is no template: ${made()}`);
  return place;
}

/** As {@link leftInPlace}, and loop devices, and users that machines run as. */
export function leftOfMachines(place: Place): string[] {
  return [
    ...leftInPlace(place),
    ...loopDevices().filter((line) => line.includes(place.folder) || line.includes(place.root)),
    // One whose container is gone is free; that of a template is taken as long as the template is there.
    ...namesIn(path.join(place.state, 'runtime.v1/kata/users'))
      .map((name) => path.join(place.state, 'runtime.v1/kata/users', name))
      .filter((link) => existsSync(link) && !readlinkSync(link).includes('/templates/')),
  ];
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
