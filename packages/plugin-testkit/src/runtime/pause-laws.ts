import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectKind } from '../expect-kind.js';
import { Listener } from './bytes.js';
import type { RuntimeLaw } from './subject.js';

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
    const { id, stdout } = await bench.started(ticking, { stdio: { stdout: 'pipe' } });
    const listener = new Listener(stdout);
    await listener.until('tick');
    await other.pause(id);
    for (const one of [runtime, other]) assert.equal((await one.state(id)).status, 'paused');
    // What was under way still comes.
    let before = '';
    await bench.until(
      async () => {
        before = listener.text;
        await sleep(150);
        return listener.text === before;
      },
      () => `${listener.text.length - before.length} bytes in 150 ms`,
    );
    await expectKind(runtime.pause(id), 'failed-precondition');
    await other.resume(id);
    assert.equal((await runtime.state(id)).status, 'running');
    await bench.until(
      () => listener.text.length > before.length,
      () => 'no further tick',
    );
    await expectKind(runtime.resume(id), 'failed-precondition');
  });

  law('only what runs can be paused', async ({ runtime, bench }) => {
    const container = await bench.create('sleep 1000');
    await expectKind(runtime.pause(container.id), 'failed-precondition');
    await expectKind(runtime.resume(container.id), 'failed-precondition');
  });

  law('a paused container is stopped', async ({ runtime, bench }) => {
    const { id, stdout } = await bench.started(`trap "exit 3" TERM; ${ticking}`, { stdio: { stdout: 'pipe' } });
    await new Listener(stdout).until('tick');
    await runtime.pause(id);
    assert.equal((await runtime.stop(id, { signal: 15, graceMs: 60_000 })).exitCode, 3);
  });

  law('a paused container is deleted', async ({ runtime, bench, open }) => {
    const { instance: other } = await open();
    for (const one of bench.some([runtime, other], [other])) {
      const { id } = await bench.started('sleep 1000');
      await runtime.pause(id);
      await one.delete(id);
      await expectKind(runtime.state(id), 'not-found');
    }
  });
}

const ticking = 'while :; do echo tick; sleep 0.05; done';
