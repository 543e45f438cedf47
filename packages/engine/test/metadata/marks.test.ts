import { expect, it } from 'vitest';
import { addToLease, dropLease } from '../../dist/metadata/leases.js';
import { LiveMarks, mark } from '../../dist/metadata/marks.js';
import { noteReferences } from '../../dist/metadata/references.js';
import { testStore } from './store.ts';

it('marks that were made outside catch up with what was leased since, and let go, and with what that keeps', async () => {
  using store = testStore();
  const layer = await store.add('layer');
  const manifest = await store.add('manifest', { 'containerd.io/gc.ref.content.l.0': layer });
  const marks = await LiveMarks.make(store.metadata);
  expect(marks.current.content.size).toBe(0);
  await store.metadata.write((tx) =>
    addToLease(tx, 'pull', { content: [manifest], snapshots: [{ snapshotter: 's', name: 'n' }] }),
  );
  await store.metadata.write((tx) => dropLease(tx, 'pull'));
  expect(store.metadata.read((tx) => marks.catchUp(tx))).toBe(true);
  expect(marks.current.content).toEqual(new Set([manifest, layer]));
  expect(marks.current.snapshots).toEqual(new Map([['s', new Set(['n'])]]));
});

it('when too much was noted since, they say so, and are made anew', async () => {
  using store = testStore();
  const marks = await LiveMarks.make(store.metadata);
  const digest = await store.add('blob');
  await store.name('image', digest);
  for (let count = 0; count < 300; count++) await store.metadata.write((tx) => noteReferences(tx, { content: ['x'] }));
  expect(store.metadata.read((tx) => marks.catchUp(tx))).toBe(false);
  await marks.renew();
  expect(marks.current.content).toEqual(new Set([digest]));
  expect(store.metadata.read((tx) => marks.catchUp(tx))).toBe(true);
});

it('made in many turns they are those of one transaction', async () => {
  using store = testStore();
  for (let index = 0; index < 700; index++) {
    const layers = await Promise.all(['l', 'm'].map((text) => store.add(`${text} ${index}`)));
    const refs = Object.fromEntries(layers.map((layer, number) => [`containerd.io/gc.ref.content.l.${number}`, layer]));
    await store.name(`image ${index}`, await store.add(`manifest ${index}`, refs));
  }
  const marks = await LiveMarks.make(store.metadata);
  expect(marks.current.content.size).toBe(2100);
  expect(new Set(marks.current.content)).toEqual(store.metadata.read((tx) => mark(tx)).content);
});
