import { memoryMetadata } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { containersTable } from '../dist/metadata/containers.js';
import { contentTable } from '../dist/metadata/content.js';
import { findGarbage } from '../dist/metadata/garbage.js';
import { imagesTable } from '../dist/metadata/images.js';
import { addToLease, dropLease, endLease, hasExpired, leasesTable, relieveCutOffLeases } from '../dist/metadata/leases.js';
import { mark } from '../dist/metadata/marks.js';
import { overLeases } from '../dist/metadata/over-leases.js';
import { rowKey } from '../dist/metadata/rows.js';
import { containerRow } from './containers/row.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const at = '2026-01-01T00:00:00.000Z';

async function storeWithImage() {
  const metadata = memoryMetadata();
  await metadata.write((tx) => {
    const blob = (letter: string, labels: Record<string, string>): void =>
      tx.put(contentTable, rowKey(digest(letter)), { size: 10, createdAt: at, labels });
    blob('a', { 'containerd.io/gc.ref.content.m.1': digest('b'), 'containerd.io/distribution.source.x': 'y' });
    blob('b', { 'containerd.io/gc.ref.content.config': digest('c'), 'containerd.io/gc.ref.content.l.0': digest('d') });
    blob('c', { 'containerd.io/gc.ref.snapshot.overlay': 'top' });
    blob('d', {});
    blob('e', { 'containerd.io/gc.ref.snapshot.native': 'other' });
    tx.put(imagesTable, rowKey('img'), {
      target: { mediaType: 'm', digest: digest('a'), size: 10 },
      createdAt: at,
      updatedAt: at,
    });
  });
  return metadata;
}

describe('marks', () => {
  it('reach from a name over labels to blobs and snapshots; the rest is garbage', async () => {
    const metadata = await storeWithImage();
    const marks = metadata.read((tx) => mark(tx));
    expect([...marks.content].sort()).toEqual(['a', 'b', 'c', 'd'].map(digest));
    expect(marks.snapshots).toEqual(new Map([['overlay', new Set(['top'])]]));
    const settings = { state: '/nonexistent/slipway' };
    const isOver = overLeases(settings.state, { partial: false });
    const found = await findGarbage({ metadata, settings } as never, marks, { isOver, orphans: false });
    expect(found).toEqual({
      content: [{ digest: digest('e'), size: 10, isRowless: false, namesSnapshots: true }],
      snapshotters: new Set(['overlay', 'native']),
    });
  });

  it('reach from containers and leases, until a lease has run out', async () => {
    const metadata = await storeWithImage();
    await metadata.write((tx) => {
      tx.delete(imagesTable, rowKey('img'));
      tx.put(containersTable, rowKey('c1'), containerRow({ image: 'img', manifest: digest('b'), chainId: 'top2' }));
      addToLease(tx, 'op', { content: [digest('e')] });
      addToLease(tx, 'op', { snapshots: [{ snapshotter: 'native', name: 'half' }] });
    });
    const marks = metadata.read((tx) => mark(tx));
    expect([...marks.content].sort()).toEqual(['b', 'c', 'd', 'e'].map(digest));
    expect(marks.snapshots.get('overlay')).toEqual(new Set(['top2', 'top']));
    expect(marks.snapshots.get('native')).toEqual(new Set(['half', 'other']));

    await endLease(metadata, 'op');
    expect(metadata.read((tx) => mark(tx)).content.has(digest('e'))).toBe(true);
    const tomorrow = new Date(Date.now() + 25 * 3_600_000);
    expect(metadata.read((tx) => mark(tx, { isOver: (_, lease) => hasExpired(lease, tomorrow) })).content.has(digest('e'))).toBe(
      false,
    );
  });

  it('end on a circle of labels', async () => {
    const metadata = memoryMetadata();
    await metadata.write((tx) => {
      tx.put(contentTable, rowKey(digest('a')), {
        size: 1,
        createdAt: at,
        labels: { 'containerd.io/gc.ref.content.m.0': digest('a') },
      });
      tx.put(imagesTable, rowKey('x'), {
        target: { mediaType: 'm', digest: digest('a'), size: 1 },
        createdAt: at,
        updatedAt: at,
      });
    });
    expect(metadata.read((tx) => mark(tx)).content).toEqual(new Set([digest('a')]));
  });
});

describe('bug: after a cut-off pull and a good one, removing the image freed nothing for a day', () => {
  it('what is named is taken off cut-off leases, and off no others', async () => {
    const metadata = memoryMetadata();
    await metadata.write((tx) => {
      for (const id of ['same', 'other', 'live'])
        addToLease(tx, id, { content: ['a', 'b'], snapshots: [{ snapshotter: 's', name: 'n' }] });
      addToLease(tx, 'other', { content: ['c'] });
    });
    await endLease(metadata, 'same');
    await endLease(metadata, 'other');
    await metadata.write((tx) => relieveCutOffLeases(tx, { content: new Set(['a', 'b']), snapshots: new Set(['n']) }));
    const rows = metadata.read((tx) => [...tx.entries(leasesTable)].map(([key, row]) => [key, row.content]));
    expect(rows).toEqual([
      ['default/live', ['a', 'b']],
      ['default/other', ['c']],
    ]);
  });
});

describe('a lease', () => {
  it('grows, runs out only once, and goes', async () => {
    const metadata = memoryMetadata();
    const row = () => metadata.read((tx) => tx.get(leasesTable, rowKey('op')));
    await metadata.write((tx) => addToLease(tx, 'op', { content: ['x'] }));
    await metadata.write((tx) => addToLease(tx, 'op', { content: ['x', 'y'] }));
    expect(row()).toMatchObject({ content: ['x', 'y'], snapshots: [] });
    expect(row()?.expiresAt).toBeUndefined();
    await endLease(metadata, 'op');
    const first = row()?.expiresAt;
    expect(first).toBeDefined();
    await endLease(metadata, 'op');
    expect(row()?.expiresAt).toBe(first);
    await metadata.write((tx) => dropLease(tx, 'op'));
    await endLease(metadata, 'op');
    expect(row()).toBeUndefined();
  });
});
