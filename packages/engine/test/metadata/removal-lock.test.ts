import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Snapshotter } from '@slipway/plugin-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentTable } from '../../dist/metadata/content.js';
import { leaseSnapshots } from '../../dist/metadata/lease-snapshots.js';
import { leasesTable } from '../../dist/metadata/leases.js';
import { lockRemoval, removalsEnded } from '../../dist/metadata/removal-lock.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { sweep } from '../../dist/metadata/sweep.js';
import { Operation } from '../../dist/operations/operation.js';
import type { EngineParts } from '../../dist/settings.js';
import { isUnpacked } from '../../dist/unpack/is-unpacked.js';
import { testStore } from './store.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'slipway-removal-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const top = { snapshotter: 'fake', name: 'top' };

describe('a removal', () => {
  it('is waited for by who wants that snapshot, and by nobody else', async () => {
    let isOver = false;
    const [first, second] = [lockRemoval(root, top), lockRemoval(root, top)];
    await removalsEnded(
      root,
      [
        { ...top, name: 'other' },
        { ...top, snapshotter: 'other' },
      ],
      undefined,
    );
    const waiting = removalsEnded(root, [{ ...top, name: 'base' }, top], undefined).then(() => expect(isOver).toBe(true));
    first[Symbol.dispose]();
    const stop = new AbortController();
    const aborted = removalsEnded(root, [top], stop.signal);
    stop.abort();
    await expect(aborted).rejects.toMatchObject({ kind: 'canceled' });
    isOver = true;
    second[Symbol.dispose]();
    await waiting;
  });

  it('is over when its process is killed', async () => {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, 'removal-child.ts'), root, 'top'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const stop = new AbortController();
    const aborted = removalsEnded(root, [top], stop.signal);
    stop.abort();
    await expect(aborted).rejects.toMatchObject({ kind: 'canceled' });
    child.kill('SIGKILL');
    await removalsEnded(root, [top], undefined);
  });

  it('that had looked before the lease was written is over when the snapshots are leased', async () => {
    using store = testStore();
    for (const [name, parent] of [['base'], ['top', 'base']] as const) store.addSnapshot(name, parent);
    const snapshots = ['base', 'top'].map((name) => ({ snapshotter: 'fake', name }));
    const snapshotter: Snapshotter = await (store.parts as EngineParts).snapshotters.get('fake');
    const remove = snapshotter.remove.bind(snapshotter);
    let found: Promise<string[]> | undefined;
    const leaseAndLook = async (): Promise<string[]> => {
      await leaseSnapshots(store.parts, 'pull', { snapshots }, undefined);
      return [...store.snapshots.keys()];
    };
    snapshotter.remove = async (name) => {
      found = leaseAndLook();
      while (store.metadata.read((tx) => tx.get(leasesTable, rowKey('pull'))) === undefined) await nextTurn();
      // Long enough to look, for who does not wait.
      await nextTurn();
      await remove(name);
    };
    Object.assign(store.parts.snapshotters, { get: async () => snapshotter });
    await using operation = Operation.begin(store.parts, 'test');
    await sweep(store.parts, operation, { thorough: true });
    expect(await found).toEqual(['base']);
    expect([...store.snapshots.keys()]).toEqual(['base']);
  });
});

describe('an image is unpacked', () => {
  it('when its config keeps the snapshots that are there, not when they are there by chance', async () => {
    using store = testStore();
    const config = await store.add('config');
    const image = { manifest: { config: { digest: config } }, chain: ['base', 'top'] } as never;
    const snapshotter = { stat: async () => ({}) } as unknown as Snapshotter;
    const isIt = (): Promise<boolean> => isUnpacked(store.parts, { id: 'fake', snapshotter }, image);
    expect(await isIt()).toBe(false);
    await store.metadata.write((tx) => {
      const labels = { 'containerd.io/gc.ref.snapshot.fake': 'top' };
      tx.put(contentTable, rowKey(config), { size: 6, createdAt: new Date().toISOString(), labels });
    });
    expect(await isIt()).toBe(true);
  });
});
