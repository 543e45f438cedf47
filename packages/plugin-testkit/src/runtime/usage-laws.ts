import assert from 'node:assert/strict';
import { expectKind } from '../expect-kind.js';
import type { RuntimeLaw } from './subject.js';

const MiB = 1024 * 1024;

/** What containers use, and what they may. */
export function usageLaws(law: RuntimeLaw, has: { readonly update: boolean }): void {
  law('what it has used grows, and is told to any process', async ({ runtime, bench, open }) => {
    const { instance: other } = await open();
    const { id } = await bench.started('while :; do :; done', {
      resources: { memory: { limit: 64 * MiB }, pids: { limit: 50 } },
    });
    const before = await runtime.stats(id);
    await bench.until(
      async () => (await other.stats(id)).cpu.usageNs > before.cpu.usageNs,
      async () => (await other.stats(id)).cpu.usageNs,
    );
    const { memory, pids } = await other.stats(id);
    assert.ok(memory.usageBytes > 0n && memory.workingSetBytes <= memory.usageBytes);
    assert.equal(memory.limitBytes, BigInt(64 * MiB));
    assert.deepEqual([pids.current, pids.limit], [1n, 50n]);
  });

  law('its processes are told', async ({ runtime, bench }) => {
    const { id, pid } = await bench.started('sleep 1000 & sleep 1000 & wait');
    // Those in a machine have no numbers on the host: one stands for them.
    const expected = bench.features.isolation === 'vm' ? 1 : 3;
    await bench.until(
      async () => (await runtime.processes(id)).length === expected,
      () => runtime.processes(id),
    );
    assert.ok((await runtime.processes(id)).includes(pid));
  });

  if (!has.update) {
    law('update is unimplemented', async ({ runtime, bench }) => {
      const { id } = await bench.started('sleep 1000');
      await expectKind(runtime.update(id, { pids: { limit: 10 } }), 'unimplemented');
    });
    return;
  }

  law('limits change while it runs; what is not named stays', async ({ runtime, bench, open }) => {
    const { instance: other } = await open();
    const { id } = await bench.started('sleep 1000', { resources: { memory: { limit: 64 * MiB }, pids: { limit: 50 } } });
    const limits = async () => {
      const { memory, pids } = await runtime.stats(id);
      return [memory.limitBytes, pids.limit];
    };
    await other.update(id, { pids: { limit: 20 } });
    assert.deepEqual(await limits(), [BigInt(64 * MiB), 20n]);
    await other.update(id, { memory: { limit: 32 * MiB } });
    assert.deepEqual(await limits(), [BigInt(32 * MiB), 20n]);
    await other.update(id, { pids: { limit: 0 } });
    assert.deepEqual(await limits(), [BigInt(32 * MiB), undefined]);
  });

  law('what does not run has no limits to change', async ({ runtime, bench }) => {
    const { id } = await bench.started('exit 0');
    await runtime.wait(id);
    await expectKind(runtime.update(id, { pids: { limit: 10 } }), 'failed-precondition');
  });
}
