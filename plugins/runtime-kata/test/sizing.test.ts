import * as v from 'valibot';
import { expect, test } from 'vitest';
import { configSchema } from '../dist/config.js';
import { checkUpdate, machineSize } from '../dist/sizing.js';

const MiB = 1024 * 1024;
const config = v.parse(configSchema, { memory: 200, memory_overhead: 100, cpus: 2, max_cpus: 4 });
const host = { cpus: 8, memoryBytes: 4096 * MiB };

test('a machine has what its container may use and what its kernel needs, or the configured size', () => {
  expect(machineSize('c', {}, config, host)).toEqual({ memoryMiB: 200, cpus: 2 });
  expect(machineSize('c', { memory: { limit: -1 }, cpu: { quota: -1 } }, config, host)).toEqual({ memoryMiB: 200, cpus: 2 });
  expect(machineSize('c', { memory: { limit: 64 * MiB + 1 } }, config, host).memoryMiB).toBe(165);
  expect(machineSize('c', { cpu: { quota: 150_000, period: 100_000 } }, config, host).cpus).toBe(2);
  expect(machineSize('c', { cpu: { quota: 10_000 } }, config, host).cpus).toBe(1);
});

test('the configured number of processors is none to refuse on a smaller host, a wanted one is', () => {
  const { max_cpus: _, ...others } = config;
  expect(machineSize('c', {}, others, { ...host, cpus: 1 }).cpus).toBe(1);
  const wanted = { cpu: { quota: 500_000, period: 100_000 } };
  expect(() => machineSize('c', wanted, config, host)).toThrow(
    expect.objectContaining({ kind: 'failed-precondition', code: 'MACHINE_TOO_BIG' }),
  );
});

test('more memory than the host has is refused', () => {
  expect(() => machineSize('c', { memory: { limit: 4090 * MiB } }, config, host)).toThrow(
    expect.objectContaining({ code: 'MACHINE_TOO_BIG', message: expect.stringContaining('4096 MiB') }),
  );
});

test('new limits are possible up to what the machine has, and the error says how much that is', () => {
  const size = { memoryMiB: 164, cpus: 2 };
  expect(() => checkUpdate('c', { memory: { limit: 64 * MiB }, cpu: { quota: 200_000 } }, size, config)).not.toThrow();
  expect(() => checkUpdate('c', { memory: { limit: -1 }, pids: { limit: 5 } }, size, config)).not.toThrow();
  expect(() => checkUpdate('c', { memory: { limit: 64 * MiB + 1 } }, size, config)).toThrow(
    expect.objectContaining({
      kind: 'failed-precondition',
      code: 'MACHINE_TOO_SMALL',
      message: expect.stringContaining(String(64 * MiB)),
    }),
  );
  expect(() => checkUpdate('c', { cpu: { quota: 200_001 } }, size, config)).toThrow(
    expect.objectContaining({ code: 'MACHINE_TOO_SMALL' }),
  );
});
