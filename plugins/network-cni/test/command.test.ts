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
