import { createHash } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ContentDetails, DiskUsage, Pruned, SnapshotDetails } from '@slipway/plugin-api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from './registry.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host[Symbol.asyncDispose]());

const out = async (...args: string[]): Promise<string> => {
  const { code, out: text, err } = await host.place.run(args);
  expect([code, err]).toEqual([0, '']);
  return text;
};
const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await out(...args, '--json')) as T;
const blobs = (): string => host.place.file('root/content.v1/local/blobs/sha256');

/** A blob that nothing knows of, as after the loss of metadata. */
function makeOrphan(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  writeFileSync(path.join(blobs(), hex), text);
  return hex;
}

test('content ls shows blobs by digest, and which are used', async () => {
  expect((await out('content')).split('\n')[0]).toMatch(/^DIGEST +SIZE +CREATED +USED +SOURCE$/);
  const listed = await json<ContentDetails[]>('content', 'ls');
  expect(new Set(listed.map(({ digest }) => digest.slice('sha256:'.length)))).toEqual(new Set(readdirSync(blobs())));
  expect(listed.every(({ used }) => used)).toBe(true);
  expect((await out('content', '-q')).trim().split('\n')).toEqual(listed.map(({ digest }) => digest));
  const [repository] = host.image.split('/').slice(-1);
  expect(await out('content', 'ls')).toMatch(new RegExp(`^[0-9a-f]{12} +\\S+ \\w+ +just now +yes +\\S+/${repository}$`, 'm'));
});

test('snapshots as a table, as a tree, with their size', async () => {
  await out('pull', '-q', `${host.registry.address}/test/demo`);
  const snapshots = await json<SnapshotDetails[]>('snapshots', 'ls');
  expect(snapshots.length).toBeGreaterThan(2);
  expect((await out('snapshots')).split('\n')[0]).toMatch(/^SNAPSHOTTER +NAME +PARENT +KIND +CREATED +USED$/);
  expect((await out('snapshots', '-q')).trim().split('\n')).toEqual(snapshots.map(({ name }) => name));

  const tree = await out('snapshots', 'tree');
  expect(tree).toMatch(/^overlay\n[├└]─ [0-9a-f]{12}\n/);
  expect(tree).toMatch(/^[│ ] {2}└─ [0-9a-f]{12}$/m);
  expect(tree.match(/─ /g)).toHaveLength(snapshots.length);

  const usage = await json<SnapshotDetails[]>('snapshots', 'usage');
  expect(usage.every((one) => (one.usage?.bytes ?? 0) > 0)).toBe(true);
  expect((await out('snapshots', 'usage')).split('\n')[0]).toMatch(/^SNAPSHOTTER +NAME +KIND +SIZE +INODES +USED$/);
});

test('system df sums up, and says what prune would free', async () => {
  const hex = makeOrphan('one that nothing knows of');
  const table = await out('system', 'df');
  expect(table).toMatch(
    /^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +2 +0 .*\nContent +\d+ .*\nSnapshots .*\nContainers +0 /,
  );
  expect(await out('system', 'df', '-v')).toMatch(/\nIMAGE +DIGEST +SIZE\n(.*\n)+\nSNAPSHOTTER +NAME/);
  const { content, images, snapshots } = await json<DiskUsage>('system', 'df');
  expect(content.reclaimable).toBe('one that nothing knows of'.length);
  expect(content.count - content.active).toBe(1);
  expect(images.reclaimable).toBe(images.bytes);
  expect(snapshots).toMatchObject({ reclaimable: 0 });
  expect(await out('prune', '-q')).toBe(`sha256:${hex}\n`);
  expect(existsSync(path.join(blobs(), hex))).toBe(false);
});

test('prune says what goes; -n what would; --all takes the images', async () => {
  expect(await out('prune')).toBe('Freed: 0 B\n');
  const planned = await out('system', 'prune', '--all', '-n');
  expect(planned).toMatch(
    /^(Would untag: \S+\n){2}(Would delete: sha256:\S+\n)+(Would delete: snapshot sha256:\S+ of overlay\n)+Would free: /,
  );
  expect((await out('images', '-q')).trim().split('\n')).toHaveLength(2);

  const pruned = await json<Pruned>('prune', '-a');
  expect(pruned.images).toHaveLength(2);
  expect(pruned.failures).toEqual([]);
  expect(pruned.bytes).toBeGreaterThan(0);
  expect(readdirSync(blobs())).toEqual([]);
  expect(await out('snapshots', '-q')).toBe('');
  expect(await out('images', '-q')).toBe('');
});
