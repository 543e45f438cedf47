import assert from 'node:assert/strict';
import type { EventLine } from '@slipway/plugin-api';
import { type Check, type Limited, MiB, setting, started } from './check.ts';

export const memoryChecks: readonly Check[] = [
  {
    name: 'memory, its reservation and swap are what was asked for',
    async run(limited) {
      const limits = {
        memory: 64 * MiB,
        memoryReservation: 32 * MiB,
        ...(limited.host.swapAccounting ? { memorySwap: 96 * MiB } : {}),
      };
      await using container = await started(limited, { limits });
      const { pid } = container;
      assert.equal(setting(pid, 'memory', 'memory.limit_in_bytes', 'memory.max'), `${64 * MiB}`);
      assert.equal(setting(pid, 'memory', 'memory.soft_limit_in_bytes', 'memory.low'), `${32 * MiB}`);
      if (limited.host.swapAccounting) assert.equal(swapOf(limited, pid), 96 * MiB);
      const { memory } = await container.stats();
      assert.equal(memory.limitBytes, BigInt(64 * MiB));
      assert.ok(memory.workingSetBytes > 0n && memory.workingSetBytes <= memory.usageBytes);
    },
  },
  {
    name: 'swap is as much as memory when nothing is said, and none where both are the same',
    async run(limited) {
      if (!limited.host.swapAccounting) {
        await assert.rejects(started(limited, { limits: { memory: 64 * MiB, memorySwap: 64 * MiB } }), {
          code: 'LIMIT_NOT_SUPPORTED',
        });
        return;
      }
      await using unsaid = await started(limited, { limits: { memory: 64 * MiB } });
      assert.equal(swapOf(limited, unsaid.pid), 128 * MiB);
      await using none = await started(limited, { limits: { memory: 64 * MiB, memorySwap: 64 * MiB } });
      assert.equal(swapOf(limited, none.pid), 64 * MiB);
    },
  },
  {
    name: 'a program that is killed for lack of memory is told to be, by inspect, wait and an event',
    async run(limited) {
      await using container = await started(limited, { args: ['tail', '/dev/zero'], limits: noSwap(limited) });
      const exit = await container.wait();
      assert.equal(exit.exitCode, 137);
      assert.equal(exit.oomKilled, true);
      const details = await container.inspect();
      assert.equal(details.status, 'exited');
      assert.equal(details.oomKilled, true);
      assert.deepEqual(
        (await eventsOf(limited, container.id)).filter((action) => action === 'oom' || action === 'die'),
        ['oom', 'die'],
      );
    },
  },
  {
    name: 'one that outlives its killed child is told to have met the limit, and exits as it wants',
    once: true,
    async run(limited) {
      await using container = await started(limited, { args: ['sh', '-c', 'tail /dev/zero; exit 7'], limits: noSwap(limited) });
      const exit = await container.wait();
      assert.equal(exit.exitCode, 7);
      assert.equal(exit.oomKilled, true);
      assert.ok((await eventsOf(limited, container.id)).includes('oom'));
    },
  },
  {
    name: 'swappiness and no killing are of v1, and refused elsewhere',
    once: true,
    async run(limited) {
      for (const limits of [{ memorySwappiness: 10 }, { memory: 64 * MiB, oomKillDisable: true }]) {
        if (limited.host.version === 'v2') {
          await assert.rejects(started(limited, { limits }), { kind: 'unimplemented', code: 'LIMIT_NOT_SUPPORTED' });
          continue;
        }
        await using container = await started(limited, { limits });
        if (limits.oomKillDisable)
          assert.match(setting(container.pid, 'memory', 'memory.oom_control', ''), /^oom_kill_disable 1$/m);
        else assert.equal(setting(container.pid, 'memory', 'memory.swappiness', ''), '10');
      }
    },
  },
];

function noSwap({ host }: Limited): { readonly memory: number; readonly memorySwap?: number } {
  return { memory: 32 * MiB, ...(host.swapAccounting ? { memorySwap: 32 * MiB } : {}) };
}

/** Of memory and swap together, which v2 keeps apart. */
function swapOf({ host }: Limited, pid: number): number {
  if (host.version !== 'v2') return Number(setting(pid, 'memory', 'memory.memsw.limit_in_bytes', ''));
  return Number(setting(pid, 'memory', '', 'memory.max')) + Number(setting(pid, 'memory', '', 'memory.swap.max'));
}

async function eventsOf({ engine }: Limited, id: string): Promise<readonly EventLine['action'][]> {
  const found: string[] = [];
  const wanted = { since: new Date(0), until: new Date(), filters: { container: [id] } };
  for await (const { action } of engine.containers.events(wanted)) found.push(action);
  return found;
}
