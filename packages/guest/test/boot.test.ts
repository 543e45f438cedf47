import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Health, serving } from '@slipway/kata-agent';
import { cloudKernel } from '@slipway/machine';
import { expect, it } from 'vitest';
import { Machine, makeParts } from './agent-machine.js';

it('boots a bzImage, too, which unpacks itself, and switches the machine off when the host has gone', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-boot-'));
  try {
    const parts = await makeParts(folder);
    await using machine = await Machine.boot({ ...parts, kernel: cloudKernel().kernel }, path.join(folder, 'machine'));
    expect(await machine.agent.call(Health.method.check, {})).toMatchObject({ status: serving });
    machine.hangUp();
    await machine.ended();
    expect(machine.console()).toContain('slipway-agent: the host has closed the port');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
