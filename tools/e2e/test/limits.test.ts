import { globSync, rmdirSync } from 'node:fs';
import { readCgroupHost } from '@slipway/cgroups';
import { imageLayout } from '@slipway/fixtures';
import type { Engine } from 'slipway';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { checks } from '../src/limits/checks.ts';
import { leftInPlace } from './place.ts';
import { placesInMemory } from './tmpfs.ts';

const place = placesInMemory()();
const cgroupParent = `/slipway-limits-${process.pid}/deeper`;
const image = 'limits:latest';
let engine: Engine;

beforeAll(async () => {
  engine = await place.open();
  await engine.images.load(imageLayout('small'), { name: image });
});
afterEach(async () => {
  expect(await engine.containers.list({ all: true })).toEqual([]);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  expect(leftInPlace(place)).toEqual([]);
  // The groups of containers are gone; those above are whoever's who named them.
  for (const below of ['/deeper', ''])
    for (const directory of globSync(`/sys/fs/cgroup/{.,*}${cgroupParent.replace('/deeper', below)}`)) rmdirSync(directory);
  place[Symbol.dispose]();
});

it.each(checks)('on this host, by cgroupfs: $name', async ({ run }) => {
  await run({ engine, image, host: readCgroupHost(), driver: 'cgroupfs', cgroupParent });
});
