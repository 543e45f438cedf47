import { isKind, type MetadataStore, SlipwayError, type SnapshotInfo } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { contentTable } from '../../dist/metadata/content.js';
import { deleteMarked, finishAllDeletions, finishDeletion, finishLeftDeletion } from '../../dist/metadata/deletion.js';
import { deletionLock } from '../../dist/metadata/deletion-lock.js';
import { addToLease, endLease, leasesTable } from '../../dist/metadata/leases.js';
import { markForDeletion } from '../../dist/metadata/mark-for-deletion.js';
import { LiveMarks } from '../../dist/metadata/marks.js';
import { noteReferences } from '../../dist/metadata/references.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { sweep } from '../../dist/metadata/sweep.js';
import { Operation } from '../../dist/operations/operation.js';
import { recoverOperations } from '../../dist/operations/recovery.js';
import { type TestStore, testStore } from './store.ts';

const markOf = (store: TestStore, digest: string): string | undefined =>
  store.metadata.read((tx) => tx.get(contentTable, rowKey(digest)))?.deletedBy;

/** As an operation does that deletes. */
function setMark(store: TestStore, digest: string, operation: string): Promise<void> {
  return store.metadata.write((tx) => {
    tx.put(contentTable, rowKey(digest), { size: 1, createdAt: new Date().toISOString(), labels: {}, deletedBy: operation });
  });
}

describe('a sweep', () => {
  it('takes blobs and snapshots that nothing needs, with what they grew on, and says what', async () => {
    using store = testStore();
    const [kept, gone] = [await store.add('kept', { 'containerd.io/gc.ref.snapshot.fake': 'top' }), await store.add('gone')];
    await store.name('image', kept);
    for (const [name, parent] of [['base'], ['top', 'base'], ['other', 'base'], ['more', 'other']] as const)
      store.addSnapshot(name, parent);
    await using operation = Operation.begin(store.parts, 'test');
    const swept = await sweep(store.parts, operation, { thorough: true });
    expect(swept.content).toEqual([gone]);
    expect(swept.snapshots.map(({ name }) => name)).toEqual(['more', 'other']);
    expect(swept.bytes).toBe('gone'.length + 2 * 7);
    expect(await store.kept()).toEqual({ rows: [kept], files: [kept] });
    expect([...store.snapshots.keys()]).toEqual(['base', 'top']);
  });

  it('removes a chain of ten thousand snapshots and looks at each once', async () => {
    using store = testStore();
    for (let index = 0; index < 10_000; index++) store.addSnapshot(`s${index}`, index === 0 ? undefined : `s${index - 1}`);
    await using operation = Operation.begin(store.parts, 'test');
    const { snapshots, failures } = await sweep(store.parts, operation, { thorough: true });
    expect(failures).toEqual([]);
    expect(snapshots.map(({ name }) => name)).toEqual(Array.from({ length: 10_000 }, (_, index) => `s${9999 - index}`));
  });

  it('keeps a snapshot that was leased after it had looked', async () => {
    using store = testStore();
    for (const [name, parent] of [['base'], ['top', 'base']] as const) store.addSnapshot(name, parent);
    const walk = store.snapshots.values.bind(store.snapshots);
    store.snapshots.values = (): MapIterator<SnapshotInfo> => {
      void store.metadata.write((tx) => addToLease(tx, 'pull', { snapshots: [{ snapshotter: 'fake', name: 'top' }] }));
      return walk();
    };
    await using operation = Operation.begin(store.parts, 'test');
    expect(await sweep(store.parts, operation, { thorough: true })).toMatchObject({ snapshots: [], failures: [] });
    expect([...store.snapshots.keys()]).toEqual(['base', 'top']);
  });

  it('bug: left a row that spoke of a snapshot which was gone, of an image that was pulled anew meanwhile', async () => {
    using store = testStore();
    const config = await store.add('config', { 'containerd.io/gc.ref.snapshot.fake': 'top' });
    for (const [name, parent] of [['base'], ['top', 'base']] as const) store.addSnapshot(name, parent);
    const get = store.parts.snapshotters as { get: (id: string) => Promise<unknown> };
    const before = get.get;
    // A pull of the same image for another snapshotter, before the first snapshot goes.
    Object.assign(get, {
      get: async (id: string) => {
        await store.metadata.write((tx) => addToLease(tx, 'pull', { content: [config] }));
        return before(id);
      },
    });
    await using operation = Operation.begin(store.parts, 'test');
    await sweep(store.parts, operation);
    const row = store.metadata.read((tx) => tx.get(contentTable, rowKey(config)));
    expect(row === undefined ? [] : [...store.snapshots.keys()]).toEqual(row === undefined ? [] : ['base', 'top']);
    expect(store.metadata.read((tx) => [...tx.entries(leasesTable)].map(([key]) => key))).toEqual([rowKey('pull')]);
  });

  it('takes blobs without a row: those of a lease that has run out, or thorough, all but leased ones', async () => {
    using store = testStore();
    const [cutOff, orphan, live] = [await store.addFile('cut off'), await store.addFile('orphan'), await store.addFile('live')];
    await store.metadata.write((tx) => {
      addToLease(tx, 'gone', { content: [cutOff] });
      addToLease(tx, 'live', { content: [live] });
    });
    await endLease(store.metadata, 'gone');
    await using operation = Operation.begin(store.parts, 'test');
    expect((await sweep(store.parts, operation)).content).toEqual([]);
    expect((await sweep(store.parts, undefined, { thorough: true, partial: true })).content.toSorted(byText)).toEqual(
      [cutOff, orphan].toSorted(byText),
    );
    expect((await sweep(store.parts, operation, { partial: true })).content).toEqual([cutOff]);
    expect((await sweep(store.parts, operation, { thorough: true })).content).toEqual([orphan]);
    expect(await store.kept()).toEqual({ rows: [], files: [live] });
    expect(store.metadata.read((tx) => [...tx.entries(leasesTable)].map(([key]) => key))).toEqual([rowKey('live')]);
  });

  it('ends a lease that nobody ended and whose operation has no record any more, a week later', async () => {
    using store = testStore();
    const digest = await store.add('blob');
    const lease = (createdAt: Date): Promise<void> =>
      store.metadata.write((tx) => {
        tx.put(leasesTable, rowKey('lost'), { createdAt: createdAt.toISOString(), content: [digest], snapshots: [] });
      });
    await using operation = Operation.begin(store.parts, 'test');
    await lease(new Date());
    expect((await sweep(store.parts, operation)).content).toEqual([]);
    await lease(new Date(Date.now() - 169 * 3_600_000));
    expect((await sweep(store.parts, operation)).content).toEqual([digest]);
  });

  it('waits for another that deletes, and takes over what one left, though somebody waits for the blob', async () => {
    using store = testStore();
    const digest = await store.add('blob');
    await setMark(store, digest, 'other-0000000000000000');
    await store.metadata.write((tx) => addToLease(tx, 'pull', { content: [digest] }));
    await using operation = Operation.begin(store.parts, 'test');
    const lock = await deletionLock(store.parts.settings.root);
    const sweeping = sweep(store.parts, operation);
    await finishLeftDeletion(store.parts, digest);
    expect(await store.kept()).toEqual({ rows: [digest], files: [digest] });
    lock[Symbol.dispose]();
    expect((await sweeping).content).toEqual([digest]);
    expect(await store.kept()).toEqual({ rows: [], files: [] });
  });

  it('ends when it is aborted', async () => {
    using store = testStore();
    await store.add('blob');
    await using operation = Operation.begin(store.parts, 'test');
    const gone = sweep(store.parts, operation, { signal: AbortSignal.abort() });
    await expect(gone).rejects.toSatisfy((error) => isKind(error, 'canceled'));
  });
});

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

describe('marking for deletion', () => {
  it('keeps what was leased since the marks were made', async () => {
    using store = testStore();
    const [leased, garbage] = [await store.add('leased'), await store.add('garbage')];
    const marks = await LiveMarks.make(store.metadata);
    await store.metadata.write((tx) => addToLease(tx, 'pull', { content: [leased] }));
    const candidates = [leased, garbage].map((digest) => ({ digest, size: 1, isRowless: false, namesSnapshots: false }));
    const { marked } = await markForDeletion(store.metadata, marks, 'op', candidates);
    expect(marked.map(({ digest }) => digest)).toEqual([garbage]);
    expect([markOf(store, leased), markOf(store, garbage)]).toEqual([undefined, 'op']);
  });

  it('keeps it also where others note more than the journal holds, again and again', async () => {
    using store = testStore();
    const leased = await store.add('leased');
    const marks = await LiveMarks.make(store.metadata);
    let writes = 0;
    const busy: MetadataStore = {
      read: (fn) => store.metadata.read(fn),
      write: async (fn) => {
        writes++;
        await store.metadata.write((tx) => {
          addToLease(tx, 'pull', { content: [leased] });
          for (let count = 0; count < 300; count++) noteReferences(tx, { content: ['x'] });
        });
        return store.metadata.write(fn);
      },
    };
    const { marked } = await markForDeletion(busy, marks, 'op', [
      { digest: leased, size: 1, isRowless: false, namesSnapshots: false },
    ]);
    expect([marked, writes]).toEqual([[], 4]);
  });

  it('marks fewer where there is no room for all', async () => {
    using store = testStore();
    const digests = await Promise.all(Array.from({ length: 8 }, (_, index) => store.add(`blob ${index}`)));
    const marks = await LiveMarks.make(store.metadata);
    const full: MetadataStore = {
      read: (fn) => store.metadata.read(fn),
      write: (fn) =>
        store.metadata.write((tx) => {
          let puts = 0;
          return fn({
            get: (table, key) => tx.get(table, key),
            entries: (table, options) => tx.entries(table, options),
            keys: (table, options) => tx.keys(table, options),
            delete: (table, key) => tx.delete(table, key),
            put: (table, key, value) => {
              if (++puts > 2) throw new SlipwayError({ kind: 'resource-exhausted', code: 'FULL', message: 'full' });
              tx.put(table, key, value);
            },
          });
        }),
    };
    const candidates = digests.map((digest) => ({ digest, size: 1, isRowless: false, namesSnapshots: false }));
    const { tried, marked } = await markForDeletion(full, marks, 'op', candidates);
    expect([tried, marked.length]).toEqual([2, 2]);
    expect(digests.map((digest) => markOf(store, digest)).filter(Boolean)).toHaveLength(2);
  });
});

describe('a deletion', () => {
  it('bug: took away a blob that another deletion had taken and a pull had brought back', async () => {
    using store = testStore();
    const digest = await store.add('blob');
    await setMark(store, digest, 'first');
    await deleteMarked(store.parts, 'first', [digest]);
    await store.add('blob');
    await deleteMarked(store.parts, 'second', [digest]);
    expect(await store.kept()).toEqual({ rows: [digest], files: [digest] });
  });

  it('of a killed operation is finished by the next command; after a restart of the machine all are', async () => {
    using store = testStore();
    const [one, two] = [await store.add('one'), await store.add('two')];
    for (const digest of [one, two]) await setMark(store, digest, 'killed');
    await finishDeletion(store.parts, 'killed', [one]);
    expect(await store.kept()).toEqual({ rows: [two], files: [two] });
    await setMark(store, two, 'without-record');
    await finishAllDeletions(store.parts);
    expect(await store.kept()).toEqual({ rows: [], files: [] });
    const three = await store.add('three');
    await setMark(store, three, 'without-record');
    await finishLeftDeletion(store.parts, three);
    expect(await store.kept()).toEqual({ rows: [], files: [] });
  });

  it('that fails for one blob goes on with the others, and the blob is garbage as before', async () => {
    using store = testStore();
    const [busy, free] = [await store.add('busy'), await store.add('free')];
    const remove = store.content.delete.bind(store.content);
    let fails = true;
    store.content.delete = async (digest) => {
      if (digest === busy && fails) throw new SlipwayError({ kind: 'internal', code: 'BUSY', message: 'it is busy' });
      await remove(digest);
    };
    {
      await using operation = Operation.begin(store.parts, 'test');
      const swept = await sweep(store.parts, operation);
      expect(swept.content).toEqual([free]);
      expect(swept.failures).toEqual([{ what: `blob "${busy}"`, kind: 'internal', code: 'BUSY', message: 'it is busy' }]);
    }
    expect([markOf(store, busy), await store.kept()]).toEqual([undefined, { rows: [busy], files: [busy] }]);
    await recoverOperations(store.parts);
    fails = false;
    await using operation = Operation.begin(store.parts, 'test');
    expect((await sweep(store.parts, operation)).content).toEqual([busy]);
  });

  it('of a blob whose file went though an error was told leaves no row without a blob', async () => {
    using store = testStore();
    const digest = await store.add('blob');
    const remove = store.content.delete.bind(store.content);
    store.content.delete = async (one) => {
      await remove(one);
      throw new SlipwayError({ kind: 'internal', code: 'SYNC', message: 'the folder could not be synced' });
    };
    await using operation = Operation.begin(store.parts, 'test');
    expect((await sweep(store.parts, operation)).failures).toHaveLength(1);
    expect(await store.kept()).toEqual({ rows: [], files: [] });
    expect(digest).toMatch(/^sha256:/);
  });
});
