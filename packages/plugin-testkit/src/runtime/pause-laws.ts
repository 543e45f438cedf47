import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectKind } from '../expect-kind.js';
import type { RuntimeBench } from './bench.js';
import { type RuntimeLaw, until } from './subject.js';

/** Containers that stand still. */
export function pauseLaws(law: RuntimeLaw, has: { readonly pause: boolean }): void {
  if (!has.pause) {
    law('pause is unimplemented', async ({ runtime, bench }) => {
      const { id } = await bench.started('sleep 1000');
      await expectKind(runtime.pause(id), 'unimplemented');
    });
    return;
  }

  law('a paused container stands still until it is resumed', async ({ runtime, bench, open }) => {
    const { instance: other } = await open();
    const { id } = await bench.started(ticking);
    await until(
      () => ticks(bench) > 0,
      () => ticks(bench),
    );
    await other.pause(id);
    for (const one of [runtime, other]) assert.equal((await one.state(id)).status, 'paused');
    const before = ticks(bench);
    await sleep(150);
    assert.equal(ticks(bench), before);
    await expectKind(runtime.pause(id), 'failed-precondition');
    await other.resume(id);
    assert.equal((await runtime.state(id)).status, 'running');
    await until(
      () => ticks(bench) > before,
      () => ticks(bench),
    );
    await expectKind(runtime.resume(id), 'failed-precondition');
  });

  law('only what runs can be paused', async ({ runtime, bench }) => {
    const container = await bench.create('sleep 1000');
    await expectKind(runtime.pause(container.id), 'failed-precondition');
    await expectKind(runtime.resume(container.id), 'failed-precondition');
  });

  law('a paused container is stopped', async ({ runtime, bench }) => {
    const { id } = await bench.started(`trap "exit 3" TERM; ${ticking}`);
    await until(
      () => ticks(bench) > 0,
      () => ticks(bench),
    );
    await runtime.pause(id);
    assert.equal((await runtime.stop(id, { signal: 15, graceMs: 60_000 })).exitCode, 3);
  });

  law('a paused container is deleted', async ({ runtime, bench, open }) => {
    for (const one of [runtime, (await open()).instance]) {
      const { id } = await bench.started('sleep 1000');
      await runtime.pause(id);
      await one.delete(id);
      await expectKind(runtime.state(id), 'not-found');
    }
  });
}

const ticking = 'while :; do echo >>/shared/ticks; sleep 0.01; done';

function ticks(bench: RuntimeBench): number {
  return statSync(join(bench.shared, 'ticks'), { throwIfNoEntry: false })?.size ?? 0;
}
