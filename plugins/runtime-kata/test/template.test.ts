import 'reflect-metadata';
import { truncateSync } from 'node:fs';
import path from 'node:path';
import type { Runtime } from '@slipway/plugin-api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MachineSettings } from '../dist/machine-settings.js';
import { templateKey } from '../dist/template/machine-templates.js';
import { withHashes } from './layers.ts';
import { TemplateBench } from './template-bench.ts';

let bench: TemplateBench;
let runtime: Runtime;
/** Of the machine that was booted. */
let booted = '';
const look = 'cat /proc/version /proc/mounts /f0 /f19; echo done';

beforeAll(async () => {
  bench = new TemplateBench();
  runtime = await bench.open();
  const other = await bench.open();
  // Two at once: each boots, and one of them leaves a template.
  const outcomes = await Promise.all([runtime, other].map((each) => bench.run(each, look, bench.layers(20))));
  expect(outcomes.map(({ code, cloned }) => [code, cloned])).toEqual([
    [0, false],
    [0, false],
  ]);
  booted = outcomes[0]?.stdout ?? '';
  await bench.until(() => bench.made().length > 0);
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

test('two that begin at once leave one template', () => {
  expect(bench.made()).toHaveLength(1);
});

test('a container in a clone sees what one in a machine that was booted sees', async () => {
  const { code, stdout, cloned } = await bench.run(runtime, look, bench.layers(20));
  expect([code, cloned, withoutNames(stdout)]).toEqual([0, true, withoutNames(booted)]);
});

test('each clone has random bytes and the time of its own', async () => {
  const script = 'head -c 32 /dev/urandom | md5sum; cat /proc/sys/kernel/random/uuid; date +%s';
  const before = Math.floor(Date.now() / 1000);
  const clones = await Promise.all([0, 1].map(() => bench.run(runtime, script)));
  const after = Math.ceil(Date.now() / 1000);
  const lines = clones.flatMap(({ stdout }) => stdout.trim().split('\n'));
  expect(clones.map(({ cloned }) => cloned)).toEqual([true, true]);
  expect(new Set([lines[0], lines[1], lines[3], lines[4]]).size).toBe(4);
  for (const time of [Number(lines[2]), Number(lines[5])]) {
    expect(time).toBeGreaterThanOrEqual(before - 1);
    expect(time).toBeLessThanOrEqual(after + 1);
  }
});

test('a clone checks layers that have hash trees', async () => {
  const rootfs = bench.layers(5);
  const checked = { ...rootfs, lower: rootfs.lower.map(withHashes) };
  const { code, stdout, cloned } = await bench.run(runtime, "cat /f4; busybox grep -c ' dm-' /proc/partitions", checked);
  expect([code, stdout, cloned]).toEqual([0, '4\n6\n', true]);
});

test('one template serves any number of layers', async () => {
  for (const layers of [0, 1, 5]) {
    const files = Array.from({ length: layers }, (_, index) => index);
    const script = `cat /proc/version ${files.map((index) => `/f${index}`).join(' ')}`;
    const { code, stdout, cloned } = await bench.run(runtime, script, bench.layers(layers));
    expect([code, stdout.split('\n').slice(1, -1), cloned]).toEqual([0, files.map(String), true]);
  }
});

test('machines that differ in anything have templates of their own', () => {
  const settings = { memoryMiB: 128, cpus: 1, accel: 'tcg', kernelArgs: ['quiet', 'panic=-1'] } as unknown as MachineSettings;
  const keys = [
    templateKey(settings, 'guest', 'QEMU', 4),
    templateKey({ ...settings, kernelArgs: ['quiet', 'panic=-1', 'more'] }, 'guest', 'QEMU', 4),
    templateKey({ ...settings, memoryMiB: 129 }, 'guest', 'QEMU', 4),
    templateKey({ ...settings, cpus: 2 }, 'guest', 'QEMU', 4),
    templateKey({ ...settings, accel: 'kvm' }, 'guest', 'QEMU', 4),
    templateKey(settings, 'other guest', 'QEMU', 4),
    templateKey(settings, 'guest', 'other QEMU', 4),
    templateKey(settings, 'guest', 'QEMU', 8),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(templateKey({ ...settings, name: 'other' }, 'guest', 'QEMU', 4)).toBe(keys[0]);
});

test('a template that is damaged is thrown away, with a warning, and the machine is booted', async () => {
  for (const name of bench.made()) truncateSync(path.join(bench.templates, name, 'state'), 100_000);
  const made = bench.made().length;
  const { code, stdout, cloned } = await bench.run(runtime, 'echo done');
  expect([code, stdout, cloned]).toEqual([0, 'done\n', false]);
  expect(bench.warnings).toEqual([expect.stringContaining('could not be cloned from its template')]);
  expect(bench.made()).toHaveLength(made - 1);
});

/** Of the disks, which are found in any order. */
function withoutNames(mounts: string): string {
  return mounts.replaceAll(/\/dev\/vd[a-z]+/g, 'DISK').replaceAll(/kata-\w+-\d+/g, 'ID');
}
