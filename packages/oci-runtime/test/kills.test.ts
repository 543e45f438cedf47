import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { hasCode, isSlipwayError } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectClean } from './expect-clean.ts';
import { Host } from './host.ts';

let host: Host;
beforeEach(() => {
  host = new Host();
});
afterEach(() => {
  using _ = host;
  expectClean(host);
});

/** The runc that the monitor runs now, if it runs one. */
function runcBelow(monitorPid: number): number | undefined {
  const children = read(`/proc/${monitorPid}/task/${monitorPid}/children`).trim().split(' ').map(Number);
  return children.find((pid) => read(`/proc/${pid}/comm`) === 'runc\n');
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** It may have ended before, and at any moment up to the call: then there is nothing to kill. */
function killIfAlive(pid: number | undefined): void {
  if (pid === undefined || read(`/proc/${pid}/comm`) === '') return;
  try {
    linux.kill(pid, 9);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

const delays = [0, 1, 2, 3, 4, 5, 6, 8, 10, 15];

test.each(delays)('runc and then the monitor killed %i ms into start', async (delayMs) => {
  for (const victim of ['runc', 'monitor']) {
    const container = await host.create(['sleep', '1000']);
    const started = container.start().catch((error: unknown) => error);
    await sleep(delayMs);
    killIfAlive(victim === 'monitor' ? container.monitorPid : runcBelow(container.monitorPid));
    const result = await started;
    if (result !== undefined) expect(isSlipwayError(result)).toBe(true);
    await host.runtime.delete(container.id);
    expectClean(host);
  }
});

test.each(delays)(
  'runc and then the monitor killed %i ms into delete: it fails with a name or succeeds, and a retry succeeds',
  async (delayMs) => {
    for (const victim of ['runc', 'monitor']) {
      const container = await host.create(['sleep', '1000']);
      await container.start();
      const deleted = host.runtime.delete(container.id).catch((error: unknown) => error);
      await sleep(delayMs);
      killIfAlive(victim === 'monitor' ? container.monitorPid : runcBelow(container.monitorPid));
      const result = await deleted;
      if (result !== undefined) expect(result).toMatchObject({ code: 'RUNTIME_KILLED' });
      await host.runtime.delete(container.id);
      expectClean(host);
    }
  },
);

test('a monitor that was stopped is woken to delete its container', async () => {
  const container = await host.create(['sleep', '1000']);
  await container.start();
  linux.kill(container.monitorPid, 19);
  await host.activate().delete(container.id);
});
