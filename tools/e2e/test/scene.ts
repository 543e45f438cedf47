import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterAll, expect } from 'vitest';
import { carryOut } from '../src/carry-out.ts';
import type { CommandReport, CommandRequest } from '../src/request.ts';
import type { Place } from './place.ts';

/** Sets a scene, in this process: only what is killed needs one of its own. */
export async function done(place: Place, request: Omit<CommandRequest, 'options'>): Promise<CommandReport> {
  const report = await carryOut({ options: place.options, ...request });
  expect(report).toMatchObject({ outcome: 'done' });
  return report;
}

/**
 * Makes places whose store is the copy of one into which the images were really pulled, for tests of what comes after a pull.
 * One is pulled for each config.
 */
export function pulledPlaces(
  images: readonly string[],
  newPlace: (config?: string) => Place,
): (config?: string) => Promise<Place> {
  const originals = new Map<string, Promise<Place>>();
  afterAll(async () => {
    for (const original of originals.values()) (await original)[Symbol.dispose]();
  });
  const pull = async (config: string): Promise<Place> => {
    const original = newPlace(config);
    for (const image of images) await done(original, { action: 'pull', image });
    return original;
  };
  return async (config = '') => {
    const known = originals.get(config) ?? pull(config);
    originals.set(config, known);
    const [original, place] = [await known, newPlace(config)];
    mkdirSync(place.root, { mode: 0o700 });
    // With the owners, attributes, devices and links that a store has.
    execFileSync('cp', ['--archive', '--reflink=auto', `${original.root}/.`, place.root], { stdio: 'pipe' });
    return place;
  };
}
