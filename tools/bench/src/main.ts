import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startRegistry } from '@slipway/fixtures';
import { bareTools } from './bare-tools.ts';
import { bench } from './bench.ts';
import type { Contender } from './contender.ts';
import { ctr } from './ctr.ts';
import { podman } from './podman.ts';
import { results, type Sample, table } from './report.ts';
import { scratchFileSystem } from './scratch.ts';
import { slipway, slipwayKata } from './slipway.ts';

const usage = `usage: npm run bench -- [--rounds N] [--only NAME,...] [--json FILE] [--registry HOST:PORT --image NAME:TAG ...]
Without --registry the project's own fixtures are served and pulled. Containers are run from the first image.`;

const all: readonly Contender[] = [slipway, slipwayKata, ctr, podman, bareTools];
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    json: { type: 'string' },
    registry: { type: 'string' },
    image: { type: 'string', multiple: true, default: [] },
  },
});
const rounds = Number(values.rounds);
if (!(Number.isSafeInteger(rounds) && rounds > 0) || (values.registry === undefined) !== (values.image.length === 0)) {
  process.stderr.write(`${usage}\n`);
  process.exit(2);
}

const asked = values.only?.split(',');
const contenders = all.filter(({ name, needs }) => {
  if (asked && !asked.includes(name)) return false;
  const missing = needs.filter((program) => !isThere(program));
  if (missing.length > 0) process.stderr.write(`${name} is left out: ${missing.join(', ')} is not here\n`);
  return missing.length === 0;
});

const samples: Sample[] = [];
await using registry = values.registry === undefined ? await startRegistry({ images: ['small', 'medium'] }) : undefined;
using scratch = scratchFileSystem();
const images = registry
  ? ['test/small:latest', 'test/medium:latest'].map((name) => `${registry.address}/${name}`)
  : values.image.map((name) => `${values.registry}/${name}`);
await bench({
  contenders,
  images,
  rounds,
  folder: scratch.folder,
  onSample: (sample) => {
    samples.push(sample);
    process.stderr.write(`${sample.contender}: ${sample.workload}: ${sample.wallMs.toFixed(0)} ms\n`);
  },
});
const medians = results(samples);
process.stdout.write(`${table(medians, contenders[0]?.name ?? '')}\n`);
if (values.json !== undefined)
  writeFileSync(values.json, JSON.stringify({ at: new Date().toISOString(), rounds, images, medians, samples }, null, 2));

function isThere(program: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', 'command -v "$0"', program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
