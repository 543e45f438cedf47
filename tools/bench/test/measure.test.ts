import { readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Cgroup } from '../src/cgroup.ts';
import { measure } from '../src/measure.ts';

const name = (): string => `slipway-bench-test-${process.pid}`;

test('the cost of a command has in it what its children and its daemon cost, and nothing survives', async () => {
  let daemon = 0;
  {
    await using cgroup = new Cgroup(name());
    const burn = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done';
    const cost = await measure(
      ['/bin/sh', '-c', `(${burn}) & (${burn}); wait; setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $!`],
      cgroup,
    );
    daemon = Number(cost.stdout);
    expect(cost.cpuMs).toBeGreaterThan(50);
    expect(cost.wallMs).toBeGreaterThan(25);
    expect(cost.peakBytes).toBeGreaterThan(100_000);
    expect(cgroup.pids()).toContain(daemon);
  }
  // A dead process that its new parent has not yet collected has no executable either.
  expect(() => readlinkSync(`/proc/${daemon}/exe`)).toThrow('ENOENT');
});

test('a command that fails is no result, and the error has its words', async () => {
  await using cgroup = new Cgroup(name());
  await expect(measure(['/bin/sh', '-c', 'echo sad >&2; exit 3'], cgroup)).rejects.toThrow(/status 3: sad/);
});
