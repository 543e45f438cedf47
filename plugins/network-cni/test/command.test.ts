import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { run } from '../dist/command.js';

// What it has started has its output, too, and outlives it.
const stuck = ['-c', 'sleep 3 & sleep 600'];

it('a tool of the host that does not end is killed, and that is said', async () => {
  await expect(run('/bin/sh', stuck, '', { timeoutMs: 200 })).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'NETWORK_TOOL_LATE',
    message: 'run "/bin/sh": it did not end within 0.2 s, and was killed',
  });
});

it('a tool of the host ends with the call that needs it', async () => {
  const late = new AbortController();
  const running = run('/bin/sh', stuck, '', { signal: late.signal });
  late.abort();
  await expect(running).rejects.toMatchObject({ kind: 'canceled' });
  await expect(run('/bin/sh', stuck, '', { signal: late.signal })).rejects.toMatchObject({ kind: 'canceled' });
});

it('a tool of the host that ends has its code, and what it printed', async () => {
  expect(await run('/bin/sh', ['-c', 'cat; echo no >&2; exit 3'], 'in')).toEqual({ code: 3, output: 'in', errors: 'no' });
});

it('bug: a tool of the host that was killed was still at work when what it had made was taken back', async () => {
  const late = new AbortController();
  // What has much memory takes its time to end.
  const running = run('/bin/dd', ['if=/dev/zero', 'of=/dev/null', 'bs=300M'], '', { signal: late.signal });
  running.catch(() => undefined);
  while (residentOfTools().every((size) => size < 250_000)) await sleep(5);
  late.abort();
  await expect(running).rejects.toMatchObject({ kind: 'canceled' });
  expect(residentOfTools()).toEqual([]);
});

/** KiB of each child of this process that has not ended. */
function residentOfTools(): readonly number[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const isTool =
        status.startsWith('Name:\tdd\n') && status.includes(`\nPPid:\t${process.pid}\n`) && !/^State:\s+[ZX]/m.test(status);
      return isTool ? [Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)] : [];
    } catch {
      return [];
    }
  });
}
