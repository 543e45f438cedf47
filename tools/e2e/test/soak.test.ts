import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import type { SoakMeasure, SoakPhase, SoakRequest } from '../src/soak-request.ts';
import { runCommand, startProgram } from './child.ts';
import { expectRecovery } from './crash.ts';
import { monitorsIn } from './machine.ts';
import { containersEver, leftInPlace, namesIn } from './place.ts';
import { everythingKept } from './store.ts';
import { placesInMemory } from './tmpfs.ts';

const registry = await startRegistry({ images: ['small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/small:latest`;
const place = placesInMemory()();
afterAll(() => place[Symbol.dispose]());
await runCommand(place, { action: 'pull', image });

const [runs, detached, atOnce] = [1000, 200, 10];
/** What a collection leaves differs by so much from one to the next; a leak of 8 KiB a container is more. */
const noiseBytes = 4 << 20;
/** Pages that the allocator has kept. */
const noiseRssBytes = 32 << 20;

const keptBefore = await everythingKept(place);
const request: SoakRequest = { options: place.options, image, runs, detached, atOnce };
const { status, stdout, stderr } = await startProgram('soak.ts', [JSON.stringify(request)], undefined, {
  nodeArgs: ['--expose-gc'],
  limitMs: 1_200_000,
}).ended;
const measures = stdout
  .split('\n')
  .slice(0, -1)
  .map((line) => JSON.parse(line) as SoakMeasure);
const of = (phase: SoakPhase): readonly SoakMeasure[] => measures.filter((one) => one.phase === phase);
const most = (some: readonly SoakMeasure[], key: 'bytes' | 'rssBytes' | 'threads'): number =>
  Math.max(...some.map((one) => one[key]));

describe(`one program that runs ${runs} containers to their end, and has ${detached} stopped that ran all at once, ${atOnce} at a time`, () => {
  it('does it all', () => {
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(measures.map(({ phase }) => phase).slice(-3)).toEqual(['detached', 'exec', 'stopped']);
    const told = measures.map(({ phase, count, seconds, bytes, rssBytes }) => [
      phase,
      count,
      seconds,
      bytes >> 20,
      rssBytes >> 20,
    ]);
    process.stdout.write(`soak: [phase, count, s, MiB, MiB resident] ${JSON.stringify(told)}\n`);
  });

  it('holds no more memory, descriptors and threads at the end than at the beginning', () => {
    const [first, second] = [of('run').slice(0, 5), of('run').slice(5)];
    expect(most(second, 'bytes')).toBeLessThan(most(first, 'bytes') + noiseBytes);
    expect(most(of('stopped'), 'bytes')).toBeLessThan(most(first, 'bytes') + noiseBytes);
    expect(most(measures, 'rssBytes')).toBeLessThan(most(first, 'rssBytes') + noiseRssBytes);
    expect(most(measures, 'threads')).toBe(first[0]?.threads);
    for (const { descriptors } of measures) expect(descriptors).toEqual(first[0]?.descriptors);
  });

  it('leaves no mount, no process and so no namespace, no cgroup, no file and no row', async () => {
    expect(new Set(containersEver(place.state)).size).toBeGreaterThan(detached);
    expect(monitorsIn(place.folder)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
    expect(namesIn(path.join(place.root, 'containers'))).toEqual([]);
    expect(await everythingKept(place)).toEqual(keptBefore);
    await expectRecovery(place);
  });
});
