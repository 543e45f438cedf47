import { type CgroupHost, readCgroupHost } from '@slipway/cgroups';
import type { Engine } from '@slipway/plugin-api';
import type { Check, Limited } from './check.ts';
import { checks } from './checks.ts';
import { nothingLeft, systemdChecks } from './systemd-checks.ts';

/** What the virtual machine runs, in order, one after the other in one boot. */
export interface MachineCheck {
  readonly name: string;
  run(engine: Engine, image: string): Promise<void>;
}

function each(what: string, some: readonly Check[], where: Pick<Limited, 'driver' | 'cgroupParent'>): readonly MachineCheck[] {
  return some.map((check) => ({
    name: `${what}: ${check.name}`,
    run: (engine, image) => check.run({ engine, image, host: measured(), ...where }),
  }));
}

let host: CgroupHost | undefined;

function measured(): CgroupHost {
  host ??= readCgroupHost();
  return host;
}

const systemd = { driver: 'systemd', cgroupParent: 'checks-some.slice' } as const;

export const machineChecks: readonly MachineCheck[] = [
  ...each('systemd', systemdChecks, systemd),
  ...each('by systemd', checks, systemd),
  ...each(
    'by cgroupfs',
    checks.filter(({ once }) => once !== true),
    { driver: 'cgroupfs', cgroupParent: '/checks/some' },
  ),
  ...each('at the end', [{ name: 'nothing is left', run: nothingLeft }], systemd),
];

/** A line of the machine's output. */
export interface Outcome {
  readonly check: string;
  readonly ms: number;
  readonly error?: string;
}
