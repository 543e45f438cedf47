/** `npm run bench:containers`: what containers that stay cost, beside ctr and podman. See the README. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startRegistry } from '@slipway/fixtures';
import { Cgroup } from '../cgroup.ts';
import type { Contender, LastingContainer } from '../contender.ts';
import { ctr } from '../ctr.ts';
import { measure } from '../measure.ts';
import { podman } from '../podman.ts';
import { median, results, type Sample, table } from '../report.ts';
import { scratchFileSystem } from '../scratch.ts';
import { slipway, slipwayKata } from '../slipway.ts';
import { crowd } from './crowd.ts';
import { pidsNamed, proportionalKib } from './monitor-memory.ts';

const crowdSize = 50;
const crowdAtOnce = 10;
/** The process that stays with each container, by contender. */
const companions: Readonly<Record<string, string>> = {
  slipway: 'slipway-monitor',
  'slipway-kata': 'slipway-monitor',
  ctr: 'containerd-shim',
  podman: 'conmon',
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    times: { type: 'string', default: '5' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const times = Number(values.times);
const contenders = [slipway, slipwayKata, ctr, podman].filter(({ name }) => values.only?.split(',').includes(name) ?? true);
const samples: Sample[] = [];
await using registry = await startRegistry({ images: ['small'] });
using scratch = scratchFileSystem();
const image = `${registry.address}/test/small:latest`;
for (let round = 0; round < Number(values.rounds); round += 1)
  for (const contender of contenders) await session(contender, round);
const medians = results(samples);
process.stdout.write(`${table(medians, slipway.name)}\n`);
if (values.json !== undefined)
  writeFileSync(values.json, JSON.stringify({ at: new Date().toISOString(), medians, samples }, null, 2));

async function session({ name, open }: Contender, round: number): Promise<void> {
  const store = path.join(scratch.folder, `${round}-${name}`);
  mkdirSync(store);
  await using cgroup = new Cgroup(`slipway-bench-${process.pid}-${round}-${name}`);
  await using one = await open(store, image, cgroup);
  const note = (workload: string, cost: Omit<Sample, 'workload' | 'contender'>): void => {
    samples.push({ workload, contender: name, ...cost });
    process.stderr.write(`${name}: ${workload}: ${cost.wallMs.toFixed(0)} ms\n`);
  };
  await measure(one.pull, cgroup);
  const unique = `bench${process.pid}r${round}`;
  for (let i = 0; i < times; i += 1) note('run --rm true', await measure(one.run(`${unique}t${i}`), cgroup));
  if (one.lasting !== undefined) await lasting(one.lasting, name, unique, cgroup, note);
  // Fifty virtual machines would be a measure of the host's memory.
  if (name === slipwayKata.name) return;
  const before = cgroup.cpuMs();
  const wallMs = await crowd(crowdSize, crowdAtOnce, (index) => measure(one.run(`${unique}c${index}`), cgroup, { sync: false }));
  note(`${crowdSize} containers, ${crowdAtOnce} at once`, { wallMs, cpuMs: cgroup.cpuMs() - before, peakBytes: 0 });
  if (name === slipway.name) await inProcess(store, cgroup, note);
}

async function lasting(
  commands: LastingContainer,
  contender: string,
  unique: string,
  cgroup: Cgroup,
  note: (workload: string, cost: Omit<Sample, 'workload' | 'contender'>) => void,
): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    const id = `${unique}l${i}`;
    const there = new Set(pidsNamed(companions[contender] ?? ''));
    note('run --detach', await measure(commands.start(id), cgroup));
    const companion = pidsNamed(companions[contender] ?? '').find((pid) => !there.has(pid));
    const kib = companion === undefined ? undefined : proportionalKib(companion);
    if (kib !== undefined) process.stderr.write(`${contender}: ${companions[contender]}: ${kib} KiB proportional\n`);
    note('exec true', await measure(commands.exec(id), cgroup));
    note('stop', await measure(commands.stop(id), cgroup));
    note('rm', await measure(commands.remove(id), cgroup));
  }
}

async function inProcess(
  store: string,
  cgroup: Cgroup,
  note: (workload: string, cost: Omit<Sample, 'workload' | 'contender'>) => void,
): Promise<void> {
  const script = path.join(import.meta.dirname, 'in-process.ts');
  const args = [path.join(store, 'root'), path.join(store, 'state'), image, times, crowdSize, crowdAtOnce].map(String);
  const { stdout, peakBytes } = await measure([process.execPath, script, ...args], cgroup);
  const walls = JSON.parse(stdout) as Readonly<Record<string, readonly number[]>>;
  for (const [what, each] of Object.entries(walls))
    note(`${what}, in one process`, { wallMs: median(each), cpuMs: 0, peakBytes });
}
