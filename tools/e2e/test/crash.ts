import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageName } from '@slipway/fixtures';
import { snapshotterPoint } from '@slipway/plugin-api';
import type { Host } from 'slipway';
import { expect } from 'vitest';
import { blobFile, leftInPlace, namesIn, type Place, wrongBlobs } from './place.ts';
import { wrongPaths } from './trees.ts';

/** A monitor kills, deletes and ends a moment after its command; under load a moment is long. */
const deadlineMs = 60_000;

/**
 * What must hold after any kill: at once, no blob has wrong bytes; after the next commands nothing of what was in flight
 * is left, and an image that is listed is whole.
 */
export async function expectRecovery(place: Place): Promise<void> {
  expect(wrongBlobs(place)).toEqual([]);
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const left = [...(await useAndLook(place)), ...leftInPlace(place)];
    if (left.length === 0) return;
    if (Date.now() > deadline) expect(left).toEqual([]);
    await sleep(50);
  }
}

/** The next command: its clean-up, and what it then sees. */
async function useAndLook(place: Place): Promise<string[]> {
  await using host = await place.openHost();
  const engine = await host.engine();
  const left: string[] = [];
  for (const { name } of await engine.images.list()) {
    const { manifest, manifestDigest } = await engine.images.inspect(name);
    const content = [manifestDigest, manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)];
    left.push(
      ...content.filter((digest) => !existsSync(blobFile(place, digest))).map((digest) => `image ${name} without ${digest}`),
    );
  }
  return [...left, ...(await leftSnapshots(place, host))];
}

async function leftSnapshots(place: Place, host: Host): Promise<string[]> {
  const left: string[] = [];
  for (const id of namesIn(path.join(place.root, 'snapshotter.v1'))) {
    const snapshotter = await host.kernel.get(snapshotterPoint, id);
    let rows = 0;
    for await (const { name, kind } of snapshotter.walk()) {
      rows++;
      if (kind !== 'committed') left.push(`${kind} snapshot ${name}`);
    }
    const folders = namesIn(path.join(place.root, 'snapshotter.v1', id, 'snapshots'));
    if (folders.length !== rows) left.push(`${folders.length} folders of ${rows} snapshots of ${id}`);
  }
  return left;
}

/** A retry works: the pull, the whole tree, and a container with it. */
export async function expectPullAndRun(place: Place, image: string, name: ImageName): Promise<void> {
  await using engine = await place.open();
  await engine.pull(image);
  expect(await wrongPaths(engine, image, name)).toEqual([]);
  const container = await engine.run({ image, name: path.basename(place.folder), args: ['sh', '-c', 'echo alive'] });
  const { exitCode, stdout } = await container.output();
  expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 0, stdout: 'alive\n' });
}
