import type { MachineState, Runtime, RuntimeFeatures } from '@slipway/plugin-api';
import { type OpenRuntime, runtimeLaws } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { broken } from './broken-runtime.ts';
import { CollectingRunner } from './collecting-runner.ts';
import { openSubject as openProcesses } from './sound-runtime.ts';
import { openSubject as openMachines } from './vm-runtime.ts';

type Machine = NonNullable<RuntimeFeatures['machine']>;

const told = 'machines are told of where there are any';
const has = 'a container says which machine it has, while it has one';

function brokenMachines(change: (sound: Runtime) => Partial<Runtime>): OpenRuntime {
  return broken(change, openMachines);
}

/** Features that say something else of the machines. */
function saying(machine: Machine | undefined): OpenRuntime {
  return brokenMachines((sound) => ({
    features: async () => {
      const { machine: _, ...others } = await sound.features();
      return machine === undefined ? others : { ...others, machine };
    },
  }));
}

/** A state that says something else of its machine. */
function seen(change: (sound: MachineState | undefined) => MachineState | undefined, open = openMachines): OpenRuntime {
  const brokenState = (sound: Runtime): Partial<Runtime> => ({
    state: async (id) => {
      const { machine: sounds, ...others } = await sound.state(id);
      const machine = change(sounds);
      return machine === undefined ? others : { ...others, machine };
    },
  });
  return broken(brokenState, open);
}

const emulated: MachineState = { accel: 'tcg', hardware: false, memoryMiB: 160, cpus: 1 };

const faults: readonly (readonly [fault: string, law: string, open: OpenRuntime])[] = [
  ['nothing is told of machines', told, saying(undefined)],
  ['emulation is said to be isolation by hardware', told, saying({ accel: 'tcg', hardware: true })],
  ['nobody says why it is emulation', told, saying({ accel: 'tcg', hardware: false })],
  ['there is a reason for nothing', told, saying({ accel: 'kvm', hardware: true, reason: 'why not' })],
  [
    'processes of the host have machines',
    told,
    broken((sound) => ({
      features: async () => ({ ...(await sound.features()), machine: { accel: 'kvm', hardware: true } }),
    })),
  ],
  ['a container does not say which machine it has', has, seen(() => undefined)],
  ['a container has a machine when it has ended', has, seen(() => emulated)],
  ['a machine is smaller than what its container may use', has, seen((sound) => sound && { ...sound, memoryMiB: 32 })],
  ['a machine is another one than is made here', has, seen((sound) => sound && { ...sound, accel: 'kvm', hardware: true })],
  ['a machine is told by its maker alone', has, forgetful()],
  [
    'a process of the host has a machine',
    'a container that is processes of the host has no machine',
    seen(() => emulated, openProcesses),
  ],
  [
    'processes in a machine are told',
    'its processes are told',
    brokenMachines((sound) => ({ processes: async (id) => [...(await sound.processes(id)), process.pid] })),
  ],
];

/** The first to be opened knows of the machine, and nobody else. */
function forgetful(): OpenRuntime {
  let opened = 0;
  return async (root) => {
    opened += 1;
    return await (opened % 2 === 0 ? openMachines : seen(() => undefined))(root);
  };
}

describe('the law suite of runtimes fails', () => {
  for (const [fault, law, open] of faults) {
    it(`when ${fault}`, async () => {
      const runner = new CollectingRunner();
      await runtimeLaws(runner, open);
      expect(await runner.outcomeOf(law)).toMatchObject({ code: 'ERR_ASSERTION' });
    });
  }
});
