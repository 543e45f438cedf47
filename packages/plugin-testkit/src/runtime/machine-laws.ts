import assert from 'node:assert/strict';
import type { RuntimeFeatures } from '@slipway/plugin-api';
import type { RuntimeLaw } from './subject.js';

const MiB = 1024 * 1024;

/** Machines of containers, where they have any. */
export function machineLaws(law: RuntimeLaw, { isolation }: Pick<RuntimeFeatures, 'isolation'>): void {
  law('machines are told of where there are any, and why they are not isolated by hardware', async ({ features }) => {
    const { machine } = features;
    assert.equal(machine !== undefined, isolation === 'vm', `found ${JSON.stringify(machine)} with the isolation ${isolation}`);
    if (machine === undefined) return;
    const { accel, hardware, reason } = machine;
    assert.ok(['kvm', 'tcg'].includes(accel), accel);
    assert.equal(hardware, accel === 'kvm');
    assert.equal(reason !== undefined && reason !== '', !hardware, `found the reason ${JSON.stringify(reason)}`);
  });

  if (isolation !== 'vm') {
    law('a container that is processes of the host has no machine', async ({ runtime, bench }) => {
      const { id } = await bench.started('sleep 1000');
      assert.equal((await runtime.state(id)).machine, undefined);
    });
    return;
  }

  law('a container says which machine it has, while it has one', async ({ runtime, bench, open, features }) => {
    const { instance: other } = await open();
    const container = await bench.create('sleep 1000', { resources: { memory: { limit: 64 * MiB } } });
    const seen = async () => {
      const machines = [(await runtime.state(container.id)).machine, (await other.state(container.id)).machine] as const;
      assert.deepEqual(machines[0], machines[1]);
      return machines[0];
    };
    const created = await seen();
    assert.ok(created !== undefined, 'it has no machine');
    const { accel, hardware, memoryMiB, cpus } = created;
    assert.deepEqual([accel, hardware], [features.machine?.accel, features.machine?.hardware]);
    assert.ok(Number.isInteger(memoryMiB) && memoryMiB >= 64, `a limit of 64 MiB, and a machine of ${memoryMiB} MiB`);
    assert.ok(Number.isInteger(cpus) && cpus >= 1, `a machine of ${cpus} processors`);
    await container.start();
    assert.deepEqual(await seen(), created);
    await runtime.kill(container.id, 9);
    await runtime.wait(container.id);
    assert.equal(await seen(), undefined);
  });
}
