import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor, Fetcher, Pusher } from '@slipway/plugin-api';
import { openPlugin } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/resolver-archive';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(path.join(tmpdir(), 'slipway-archive-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }));
const index: Descriptor = { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), size: bytes.length };
const source: Fetcher = {
  fetch: async () => ({
    offset: 0,
    body: (async function* () {
      yield bytes;
    })(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
};

test('of two that add to one archive at once the later one is told, and the image of the other stays', async () => {
  await using opened = await openPlugin(plugin, { dirs: { root: path.join(folder, 'root'), state: path.join(folder, 'state') } });
  const { instance: resolver } = opened;
  const named = (name: string): string => `oci-archive:${folder}/images.tar:${name}`;
  const begin = async (name: string): Promise<Pusher> => {
    const pusher = resolver.pusher?.(named(name)) as Pusher;
    await pusher.push(index, source);
    return pusher;
  };
  for (const [early, late] of [
    ['a', 'b'],
    ['c', 'd'],
  ] as const) {
    await using one = await begin(early);
    await using other = await begin(late);
    await one.complete(index);
    await expect(other.complete(index)).rejects.toMatchObject({ kind: 'aborted', code: 'ARCHIVE_CHANGED' });
    expect((await resolver.resolve(named(early))).descriptor.digest).toBe(index.digest);
    await expect(resolver.resolve(named(late))).rejects.toMatchObject({ kind: 'not-found' });
  }
});
