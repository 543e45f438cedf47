/** `npm run bench:machines`: what the runtime adds to a boot, and what templates take away of it, in time and memory. See the README. */
import 'reflect-metadata';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { guestImage } from '@slipway/guest';
import { cloudKernel } from '@slipway/machine';
import type { Runtime } from '@slipway/plugin-api';
import { kernelArgs } from '../dist/kernel-args.js';
import { encodePlan } from '../dist/plan.js';
import { Qemu } from '../dist/qemu/qemu.js';
import { cacheFolder } from './layers.ts';
import { shim } from './shim-bench.ts';
import { TemplateBench } from './template-bench.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, idle: { type: 'string', default: '8' } } });
const rounds = Number(values.rounds);
/** Of the aims: a share of the cold time; MiB of each of many idle machines. */
const floors = { warm: 0.5, idleMiB: 60 };
const MiB = 1024 * 1024;

await using bench = new TemplateBench();
const cold = await bench.open({ template: false });
const warm = await bench.open();
await bench.run(warm, 'true');
await bench.until(() => bench.made().length > 0);
const bareBoot = await boot();
const times: Record<'bare' | 'cold' | 'warm', number[]> = { bare: [], cold: [], warm: [] };
// In turns: what else the host does hits all alike.
for (let round = 0; round < rounds; round += 1) {
  times.bare.push(bareBoot());
  times.cold.push((await bench.run(cold, 'true')).ms);
  const { ms, cloned } = await bench.run(warm, 'true');
  if (!cloned) throw new Error(`a machine was booted: ${bench.warnings.join('; ')}`);
  times.warm.push(ms);
}
const [bareMs, coldMs, warmMs] = [median(times.bare), median(times.cold), median(times.warm)];
print(`bare boot to the agent ${bareMs.toFixed(0)} ms`);
print(`create to exit, booted ${coldMs.toFixed(0)} ms, ${(coldMs / bareMs).toFixed(2)} of the bare boot`);
print(`create to exit, cloned ${warmMs.toFixed(0)} ms, ${(warmMs / coldMs).toFixed(2)} of booted (at most ${floors.warm})`);
const bootedMiB = await idle(cold, [1]);
const clonedMiB = await idle(warm, [1, Number(values.idle)]);
print(`idle, booted: ${bootedMiB.join(', ')} MiB of proportional memory`);
print(`idle, cloned: ${clonedMiB.join(', then each ')} MiB, of ${values.idle} machines at most ${floors.idleMiB}`);
if (warmMs / coldMs > floors.warm || Number(clonedMiB.at(-1)) > floors.idleMiB) process.exitCode = 1;

/** QEMU alone, as far as the agent's first word. */
async function boot(): Promise<() => number> {
  const { kernel, modules } = cloudKernel();
  const image = await guestImage(path.join(cacheFolder, 'plugin/images'), { kernel, modules });
  const folder = path.join(bench.folder, 'bare');
  const settings = {
    name: 'bare',
    memoryMiB: 128,
    cpus: 1,
    accel: 'tcg',
    kernel: image.kernel,
    initrd: image.initrd,
    kernelArgs: kernelArgs('tcg', []),
    disks: [],
    share: undefined,
    interfaces: [],
    user: { uid: 65534, gid: 65534, groups: [] },
  } as const;
  mkdirSync(folder);
  const qemu = new Qemu({ binary: '/usr/bin/qemu-system-x86_64', machine: 'q35', firmware: undefined });
  const plan = path.join(folder, 'vm.plan');
  writeFileSync(plan, encodePlan([...qemu.start(settings, folder), ['hello']]), { mode: 0o600 });
  return () => {
    const begin = performance.now();
    const { status, stderr } = spawnSync(shim, ['probe', plan], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return performance.now() - begin;
  };
}

/** MiB of each of so many, QEMU and both processes of the shim. */
async function idle(runtime: Runtime, counts: readonly number[]): Promise<readonly string[]> {
  const ids: string[] = [];
  const found: string[] = [];
  for (const count of counts) {
    while (ids.length < count) {
      const container = await runtime.create(bench.request('sleep 100000', bench.layers(0)));
      ids.push(container.id);
      await container.start();
    }
    const bytes = ids.flatMap((id) => pidsOf(id)).reduce((sum, pid) => sum + proportional(pid), 0);
    found.push((bytes / count / MiB).toFixed(1));
  }
  for (const id of ids) await runtime.delete(id);
  return found;
}

function pidsOf(id: string): readonly number[] {
  const list = readFileSync(path.join(bench.folder, 'state/tool', id, 'processes'), 'utf8');
  return [...list.matchAll(/^\w+ (\d+) /gm)].map(([, pid]) => Number(pid));
}

function proportional(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) * 1024;
}

function median(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
