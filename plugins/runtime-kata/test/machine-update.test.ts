import 'reflect-metadata';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { hostMounts } from '@slipway/cgroups';
import { AgentService, CreateContainerRequest, decodeMessage, encodeRequest, specMessage } from '@slipway/kata-agent';
import type { RuntimeResources, RuntimeSpec } from '@slipway/plugin-api';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configSchema } from '../dist/config.js';
import { guestResources, mergedResources } from '../dist/guest-resources.js';
import { hostCgroupSteps } from '../dist/host-cgroup.js';
import { readMachineRecord, writeMachineRecord } from '../dist/machine-record.js';
import { prepareMachineUpdate } from '../dist/machine-update.js';
import { encodePlan, type PlanStep } from '../dist/plan.js';
import { readPlan } from './read-plan.ts';

const MiB = 1024 * 1024;
const config = v.parse(configSchema, {});
const parent = `slipway-kata-update-${process.pid}`;
const directories = hostMounts().map(({ mountPoint }) => path.join(mountPoint, parent, 'c'));
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-kata-update-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  for (const directory of directories)
    for (const each of [directory, path.dirname(directory)]) if (existsSync(each)) rmdirSync(each);
});

const devices = [{ allow: false, access: 'rwm' }];
const resources: RuntimeResources = {
  devices,
  memory: { limit: 64 * MiB },
  cpu: { quota: 100_000, period: 100_000, shares: 512, cpus: '0' },
  pids: { limit: 50 },
};

function specOf(limits: RuntimeResources): RuntimeSpec {
  return {
    ociVersion: '1.0.2',
    root: { path: '/run/c' },
    process: { user: { uid: 0, gid: 0 }, args: ['true'], env: [], cwd: '/' },
    mounts: [],
    linux: { namespaces: [{ type: 'pid' }], sysctl: { 'net.a': '1' }, resources: guestResources('c', limits) },
  };
}

function creation(limits: RuntimeResources): Uint8Array {
  return encodeRequest(AgentService.method.createContainer, { containerId: 'c', execId: 'c', OCI: specMessage(specOf(limits)) })
    .payload;
}

/** A plan of a container with cgroups of this host, carried out as far as those. */
function planned(limits = resources): void {
  const size = { memoryMiB: 160, cpus: 1 };
  const steps: readonly PlanStep[] = [
    ...hostCgroupSteps(directories, { id: 'c', size, overheadMiB: config.vmm_overhead, resources: limits }),
    ['boot-limit', '1000'],
    ['qemu', 'qemu'],
    ['call', 'grpc.AgentService', 'CreateSandbox', Buffer.from('sandbox')],
    ['call', 'grpc.AgentService', 'CreateContainer', creation(limits)],
  ];
  for (const [verb, file = '', text = ''] of steps) {
    if (verb === 'cgroup') mkdirSync(String(file), { recursive: true });
    if (verb === 'write') writeFileSync(String(file), text, { flag: 'r+' });
  }
  writeFileSync(path.join(folder, 'vm.plan'), encodePlan(steps));
  writeMachineRecord(folder, { ...size, accel: 'tcg', image: 'x', resources: limits });
}

const update = (changes: RuntimeResources) => prepareMachineUpdate('c', folder, path.join(folder, 'request'), changes, config);
const steps = () => readPlan(readFileSync(path.join(folder, 'vm.plan')));

function onHost(name: string): string {
  const file = directories.map((directory) => path.join(directory, name)).find((each) => existsSync(each));
  return file === undefined ? '' : readFileSync(file, 'utf8').trim();
}

/** Of v1, or of v2, whichever this host has. */
const shares = () => onHost('cpu.shares') || onHost('cpu.weight');

describe('new limits of a machine that runs', () => {
  test('are asked of the guest without what is the host’s, set there, and those of every restart, too', () => {
    planned();
    const [before, sharesBefore] = [steps(), shares()];
    const prepared = update({ memory: { limit: 32 * MiB, swap: -1 }, cpu: { shares: 1024, cpus: '0', mems: '0' } });
    expect(shares()).not.toBe(sharesBefore);
    expect(steps()).toEqual(before);
    prepared.keep();
    expect(readdirSync(folder).sort()).toEqual(['machine.json', 'request', 'vm.plan']);
    const writes = (all: string[][]) =>
      all.filter(([verb]) => verb === 'write').map(([, file = '', text]) => [path.basename(file), text]);
    expect(writes(steps())).toEqual(
      writes(before).map(([file, text]) => (file === 'cpu.shares' || file === 'cpu.weight' ? [file, shares()] : [file, text])),
    );
    expect(steps().filter(([verb]) => verb !== 'write')).toEqual(before.filter(([verb]) => verb !== 'write'));
    const wanted = { ...resources, memory: { limit: 32 * MiB, swap: -1 }, cpu: { ...resources.cpu, shares: 1024, mems: '0' } };
    expect(readMachineRecord(folder)?.resources).toEqual(wanted);
    const plan = readFileSync(path.join(folder, 'vm.plan'));
    const payload = plan.subarray(plan.lastIndexOf('CreateContainer\0') + 'CreateContainer\0'.length);
    expect(decodeMessage(CreateContainerRequest, payload)).toEqual(decodeMessage(CreateContainerRequest, creation(wanted)));
    const request = readFileSync(path.join(folder, 'request'));
    expect(request.includes(encodeOf({ memory: { limit: 32 * MiB }, cpu: { shares: 1024 } }))).toBe(true);
  });

  test('are as they were where the guest refuses them', () => {
    planned();
    const before = [readFileSync(path.join(folder, 'vm.plan')), shares(), readMachineRecord(folder)];
    const prepared = update({ cpu: { shares: 1024 } });
    prepared.undo();
    expect([readFileSync(path.join(folder, 'vm.plan')), shares(), readMachineRecord(folder)]).toEqual(before);
    expect(readdirSync(folder).sort()).toEqual(['machine.json', 'request', 'vm.plan']);
  });

  test('that the host refuses change nothing', () => {
    planned();
    const before = [readFileSync(path.join(folder, 'vm.plan')), shares()];
    expect(() => update({ cpu: { shares: 1024, cpus: '4095' } })).toThrow(/limit "4095" of container "c"/);
    expect([readFileSync(path.join(folder, 'vm.plan')), shares()]).toEqual(before);
    expect(readdirSync(folder).sort()).toEqual(['machine.json', 'request', 'vm.plan']);
  });

  test.each<[string, RuntimeResources, string]>([
    ['limits of disks', { blockIO: { weight: 100 } }, 'MACHINE_UNSUPPORTED'],
    ['more memory than the machine has', { memory: { limit: 65 * MiB } }, 'MACHINE_TOO_SMALL'],
    ['more processors than it has', { cpu: { period: 50_000 } }, 'MACHINE_TOO_SMALL'],
  ])('that cannot be had are refused: %s', (_, changes, code) => {
    planned();
    const before = readFileSync(path.join(folder, 'vm.plan'));
    expect(() => update(changes)).toThrow(expect.objectContaining({ code }));
    expect(readFileSync(path.join(folder, 'vm.plan'))).toEqual(before);
  });

  test('keep what they do not name', () => {
    expect(mergedResources(resources, { memory: { reservation: 5 }, pids: { limit: -1 } })).toEqual({
      devices,
      memory: { limit: 64 * MiB, reservation: 5 },
      cpu: resources.cpu,
      pids: { limit: -1 },
    });
  });
});

/** As it stands in a request. */
function encodeOf(limits: RuntimeResources): Uint8Array {
  return encodeRequest(AgentService.method.updateContainer, { containerId: '', resources: limits }).payload;
}
