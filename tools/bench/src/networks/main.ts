/** `npm run bench:networks`: what a network adds to a start, and requests through a published port, beside podman. See the README. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startRegistry } from '@slipway/fixtures';
import { Cgroup } from '../cgroup.ts';
import { type Contender, patientCommand, type Session } from '../contender.ts';
import { measure } from '../measure.ts';
import { podman } from '../podman.ts';
import { median, results, type Sample, table } from '../report.ts';
import { scratchFileSystem } from '../scratch.ts';
import { slipway } from '../slipway.ts';
import { type Client, clientBeside } from './client.ts';

/** Bridges and rules are made in a network of this process' own, and go with it. */
const inside = 'SLIPWAY_BENCH_NETWORK';
if (process.env[inside] === undefined) {
  const script = 'ip link set lo up && exec "$0" "$@"';
  const own = [process.execPath, import.meta.filename, ...process.argv.slice(2)];
  const env = { ...process.env, [inside]: '1' };
  const child = spawnSync('unshare', ['--net', 'sh', '-c', script, ...own], { stdio: 'inherit', env });
  process.exit(child.status ?? 1);
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    times: { type: 'string', default: '5' },
    requests: { type: 'string', default: '5000' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const times = Number(values.times);
/** By contender: its network with NAT and names. */
const networks: Readonly<Record<string, string>> = { slipway: 'bridge', podman: 'podman' };
const contenders = [slipway, podman].filter(({ name }) => values.only?.split(',').includes(name) ?? true);
const samples: Sample[] = [];
const rates: Record<string, number[]> = {};
using client = clientBeside();
await using registry = await startRegistry({ images: ['small'] });
using scratch = scratchFileSystem();
const image = `${registry.address}/test/small:latest`;
for (let round = 0; round < Number(values.rounds); round += 1)
  for (const contender of contenders) await session(contender, round);
const medians = results(samples);
process.stdout.write(`${table(medians, slipway.name)}\n\n`);
for (const [name, all] of Object.entries(rates)) process.stdout.write(`${name}: ${median(all).toFixed(0)} requests a second\n`);
if (values.json !== undefined)
  writeFileSync(values.json, JSON.stringify({ at: new Date().toISOString(), medians, rates, samples }, null, 2));

async function session({ name, open }: Contender, round: number): Promise<void> {
  const store = path.join(scratch.folder, `${round}-${name}`);
  mkdirSync(store);
  await using cgroup = new Cgroup(`slipway-bench-${process.pid}-${round}-${name}`);
  await using one = await open(store, image, cgroup);
  await measure(one.pull, cgroup);
  const unique = `bench${process.pid}r${round}`;
  const joined = ['--network', networks[name] ?? ''];
  const workloads = {
    'no network': ['--network', 'none'],
    'a network': joined,
    'a network and a port': [...joined, '-p', '80'],
  };
  // The bridge is made once.
  await measure(inNetwork(one.run(`${unique}first`), joined), cgroup);
  for (const [workload, wish] of Object.entries(workloads)) {
    for (let i = 0; i < times; i += 1) {
      const cost = await measure(inNetwork(one.run(`${unique}${workload.replaceAll(' ', '-')}${i}`), wish), cgroup);
      samples.push({ workload: `run --rm true, ${workload}`, contender: name, ...cost });
      process.stderr.write(`${name}: ${workload}: ${cost.wallMs.toFixed(0)} ms\n`);
    }
  }
  await throughPort(client, one, { name, id: `${unique}s`, joined, cgroup });
}

interface Served {
  readonly name: string;
  readonly id: string;
  readonly joined: readonly string[];
  readonly cgroup: Cgroup;
}

async function throughPort(from: Client, one: Session, { name, id, joined, cgroup }: Served): Promise<void> {
  if (one.lasting === undefined) return;
  const start = one.lasting.start(id).slice(0, -patientCommand.length);
  const serve = ['sh', '-c', 'mkdir /www; head -c 1000 /dev/zero > /www/index.html; exec httpd -f -p 80 -h /www'];
  await measure([...inNetwork(start, [...joined, '-p', '8080:80']), ...serve], cgroup);
  await from.reaches(8080);
  for (let i = 0; i < times; i += 1) {
    const rate = from.requests(8080, Number(values.requests));
    rates[name] = [...(rates[name] ?? []), rate];
    process.stderr.write(`${name}: ${rate.toFixed(0)} requests a second\n`);
  }
  await measure(one.lasting.remove(id).toSpliced(-1, 0, '--force'), cgroup);
}

/** The commands say `--network none`. */
function inNetwork(argv: readonly string[], wish: readonly string[]): string[] {
  return argv.toSpliced(argv.indexOf('--network'), 2, ...wish);
}
