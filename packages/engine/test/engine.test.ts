import type { MetadataStore } from '@slipway/plugin-api';
import { memoryContent, memoryMetadata } from '@slipway/plugin-testkit';
import { expect, it } from 'vitest';
import { SlipwayEngine } from '../dist/engine.js';
import { fakeParts } from './parts.ts';

it('bug: a clean-up that failed once failed every later call', async () => {
  using parts = fakeParts();
  const metadata = memoryMetadata();
  let isBroken = true;
  const failing: MetadataStore = {
    read(fn) {
      if (isBroken) throw new Error('no disk at the moment');
      return metadata.read(fn);
    },
    write: (fn) => metadata.write(fn),
  };
  const { settings, resolvers, snapshotters, differs, runtimes, policies, volumes, networks, log } = parts;
  const plugins = { resolvers, snapshotters, differs, runtimes, policies, volumes, networks };
  const needs = { metadata: failing, content: memoryContent(), ...plugins };
  await using engine = SlipwayEngine.open(settings, needs, log);
  await expect(engine.images.list()).rejects.toThrow('no disk at the moment');
  isBroken = false;
  expect(await engine.images.list()).toEqual([]);
});
