import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MachineSettings } from '../dist/machine-settings.js';
import { encodePlan } from '../dist/plan.js';
import { qemuSteps } from '../dist/qemu/command-line.js';
import { optionOf, optionsOf, readPlan } from './read-plan.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-kata-qemu-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const program = { binary: '/usr/bin/qemu', machine: 'q35', firmware: '/qboot.rom' };

function settings(changes: Partial<MachineSettings> = {}): MachineSettings {
  return {
    name: 'some,name',
    memoryMiB: 256,
    cpus: 2,
    accel: 'tcg',
    kernel: '/kernel',
    initrd: '/initrd',
    kernelArgs: ['console=ttyS0', 'quiet'],
    disks: [],
    share: undefined,
    interfaces: [],
    user: { uid: 5000, gid: 5001, groups: [108] },
    ...changes,
  };
}

function planned(changes: Partial<MachineSettings> = {}) {
  const steps = readPlan(encodePlan(qemuSteps(program, settings(changes), folder)));
  const [, ...argv] = steps.find(([verb]) => verb === 'qemu') ?? [];
  return { steps, argv };
}

test('a machine is started as its own user, with nothing but what it needs', () => {
  const { steps, argv } = planned();
  expect(steps.slice(0, 3)).toEqual([
    ['user', '5000', '5001', '108'],
    ['file', '10', '/kernel', 'ro'],
    ['file', '11', '/initrd', 'ro'],
  ]);
  expect(argv[0]).toBe('/usr/bin/qemu');
  for (const word of ['-nodefaults', '-no-user-config', '-no-reboot']) expect(argv).toContain(word);
  expect(optionOf(argv, '-sandbox')).toBe('on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny');
  expect(optionOf(argv, '-kernel')).toBe('/proc/self/fd/10');
  expect(optionOf(argv, '-append')).toBe('console=ttyS0 quiet');
  expect(optionOf(argv, '-name')).toBe('guest=some,,name');
  expect([optionOf(argv, '-m'), optionOf(argv, '-smp'), optionOf(argv, '-bios')]).toEqual(['256M', '2', '/qboot.rom']);
  expect(optionsOf(argv, '-chardev')).toEqual([
    'socket,id=console,fd=@console@',
    'socket,id=qmp,fd=@qmp@',
    'socket,id=agent,fd=@agent@',
  ]);
});

test('what is emulated and what is not are told apart', () => {
  expect(optionOf(planned().argv, '-accel')).toMatch(/^tcg,/);
  expect(optionOf(planned({ accel: 'kvm' }).argv, '-accel')).toBe('kvm');
  expect(optionOf(planned({ accel: 'kvm' }).argv, '-cpu')).toBe('host');
});

test('disks are descriptors: layers without a lock, changes with one', () => {
  const { steps, argv } = planned({
    disks: [
      { serial: 'l0', files: ['/layer'], readOnly: true },
      { serial: 'upper', files: ['/changes'], readOnly: false },
    ],
  });
  expect(steps).toContainEqual(['file', '12', '/layer', 'ro']);
  expect(steps).toContainEqual(['file', '13', '/changes', 'rw']);
  expect(optionsOf(argv, '-blockdev')).toEqual([
    'driver=file,node-name=disk0,filename=/dev/fdset/12,read-only=on,locking=off',
    'driver=file,node-name=disk1,filename=/dev/fdset/13,read-only=off,locking=on,discard=unmap',
  ]);
  expect(optionsOf(argv, '-device')).toContain('virtio-blk-pci,drive=disk1,serial=upper,num-queues=1,werror=report');
  expect(argv.join(' ')).not.toContain('/layer');
});

test('several files are one disk with a partition table around them', () => {
  const files = [4096, 12288].map((size, index) => {
    const file = path.join(folder, `image${index}`);
    writeFileSync(file, Buffer.alloc(size));
    return file;
  });
  const { argv } = planned({ disks: [{ serial: 'layers', files, readOnly: true }] });
  const lines = readFileSync(path.join(folder, 'layers.vmdk'), 'utf8').split('\n');
  expect(lines.filter((line) => line.startsWith('RW '))).toEqual([
    'RW 2048 FLAT "/dev/fdset/12" 0',
    'RW 8 FLAT "/dev/fdset/13" 0',
    'RW 24 FLAT "/dev/fdset/14" 0',
    'RW 40 FLAT "/dev/fdset/15" 0',
  ]);
  expect(lines.slice(0, -1)).not.toContain('');
  expect(optionOf(argv, '-blockdev')).toMatch(
    /^driver=vmdk,node-name=disk0,read-only=on,file.driver=file,file.filename=\/dev\/fdset\/16,/,
  );
});

test('folders are shared by a helper, with memory that it can see', () => {
  const { steps, argv } = planned({ share: { tag: 'kataShared', directory: '/shared', virtiofsd: '/usr/lib/qemu/virtiofsd' } });
  expect(steps.find(([verb]) => verb === 'helper')).toEqual([
    'helper',
    'share.sock',
    '/usr/lib/qemu/virtiofsd',
    '--fd=@listen@',
    '--rlimit-nofile=262144',
    '-o',
    'source=/shared',
    '-o',
    'sandbox=namespace',
    '-o',
    'modcaps=-mknod',
    '-o',
    'xattr',
    '-o',
    'cache=auto',
  ]);
  expect(optionOf(argv, '-object')).toBe('memory-backend-memfd,id=memory,size=256M,share=on');
  expect(optionOf(argv, '-machine')).toContain(',memory-backend=memory');
  expect(optionOf(planned().argv, '-machine')).not.toContain('memory-backend');
});

test('interfaces are tap devices of a network namespace, opened by the shim', () => {
  const interfaces = [0, 1].map((n) => ({
    mac: `02:00:00:00:00:0${n}`,
    namespace: '/bundle/namespaces/network',
    tap: `tap${n}_kata`,
  }));
  const { steps, argv } = planned({ interfaces });
  expect(steps.filter(([verb]) => verb === 'tap')).toEqual([
    ['tap', '12', '/bundle/namespaces/network', 'tap0_kata'],
    ['tap', '13', '/bundle/namespaces/network', 'tap1_kata'],
  ]);
  expect(optionsOf(argv, '-netdev')).toEqual(['tap,id=net0,fd=12', 'tap,id=net1,fd=13']);
  expect(optionsOf(argv, '-device').filter((device) => device.startsWith('virtio-net'))).toEqual([
    'virtio-net-pci,netdev=net0,mac=02:00:00:00:00:00,romfile=',
    'virtio-net-pci,netdev=net1,mac=02:00:00:00:00:01,romfile=',
  ]);
});
