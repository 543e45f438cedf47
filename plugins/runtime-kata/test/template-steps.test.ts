import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MachineSettings } from '../dist/machine-settings.js';
import { encodePlan } from '../dist/plan.js';
import { opensMemoryReadOnly } from '../dist/qemu/qemu.js';
import { cloneSteps, templateSteps } from '../dist/qemu/template-steps.js';
import { optionOf, optionsOf, readPlan } from './read-plan.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-kata-steps-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const program = { binary: '/usr/bin/qemu', machine: 'q35', firmware: undefined };
const files = { memory: '/templates/memory', state: '/templates/state' };

function settings(kernel: string, change: Partial<MachineSettings> = {}): MachineSettings {
  const file = path.join(folder, 'kernel');
  writeFileSync(file, kernel);
  return {
    name: 'box',
    memoryMiB: 128,
    cpus: 1,
    accel: 'tcg',
    kernel: file,
    initrd: '/guest/initrd',
    kernelArgs: ['quiet'],
    disks: [{ serial: 'slot0', files: [], readOnly: true }],
    share: undefined,
    interfaces: [],
    user: { uid: 70_000, gid: 70_000, groups: [] },
    ...change,
  };
}

function planOf(steps: Parameters<typeof encodePlan>[0]) {
  const plan = readPlan(encodePlan(steps));
  return { plan, argv: plan.find(([verb]) => verb === 'qemu') ?? [] };
}

test('a template writes its memory to its file, and its state to one that it gets by its monitor', () => {
  const { plan, argv } = planOf(templateSteps(program, settings('\x7fELF'), files, folder));
  expect(plan).toContainEqual(['file', '250', '/templates/state', 'rw']);
  expect(optionsOf(argv, '-object').join()).toMatch(
    /^memory-backend-file,id=memory,size=128M,mem-path=\/proc\/self\/fd\/\d+,share=on$/,
  );
  expect(optionOf(argv, '-sandbox')).toContain('spawn=deny');
  expect(optionOf(argv, '-blockdev')).toMatch(/^driver=null-co,/);
  expect(argv).not.toContain('-incoming');
  expect(plan.map(([verb]) => verb).slice(-7)).toEqual(['qemu', 'hello', 'qmp', 'qmp', 'getfd', 'qmp', 'wait-migration']);
});

test('a clone reads both, keeps what it writes to itself, and has no kernel beside its memory', () => {
  const { plan, argv } = planOf(cloneSteps(program, settings('\x7fELF'), files, folder));
  expect(plan).toContainEqual(['file', '250', '/templates/state', 'ro']);
  expect(plan).toContainEqual(['file', expect.any(String), '/templates/memory', 'ro']);
  expect(plan).toContainEqual(['file', expect.any(String), path.join(folder, 'kernel.stub'), 'ro']);
  expect(optionsOf(argv, '-object').join()).toMatch(/,share=off$/);
  expect(optionOf(argv, '-incoming')).toBe('defer');
  expect(plan.at(-1)).toEqual(['qmp', '{"execute":"cont"}']);
  expect(plan.some(([verb]) => verb === 'hello')).toBe(false);
});

test('a QEMU that can opens the memory of a template for reading alone', () => {
  const versions = ['QEMU 7.2.22', 'QEMU 8.1.5', 'QEMU 8.2.0', 'QEMU 9.0', 'QEMU 10.1.2'];
  expect(versions.map(opensMemoryReadOnly)).toEqual([false, false, true, true, true]);
  const { argv } = planOf(cloneSteps(program, settings('\x7fELF'), { ...files, sealed: true }, folder));
  expect(optionsOf(argv, '-object').join()).toMatch(/,share=off,readonly=on,rom=off$/);
});

test('a kernel that is no ELF file has other devices, and stays', () => {
  const { plan } = planOf(cloneSteps(program, settings('MZ'), files, folder));
  expect(plan).toContainEqual(['file', expect.any(String), path.join(folder, 'kernel'), 'ro']);
});

test('what a clone may keep of translated code grows with its memory', () => {
  const sizes = [64, 128, 256, 1024].map((memoryMiB) => {
    const { argv } = planOf(cloneSteps(program, settings('MZ', { memoryMiB }), files, folder));
    return /tb-size=(\d+)$/.exec(optionOf(argv, '-accel') ?? '')?.[1];
  });
  expect(sizes).toEqual(['24', '24', '48', '64']);
});
