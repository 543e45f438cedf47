import { mkdirSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineTable, type IngestStatus, SlipwayError } from '@slipway/plugin-api';
import { expect, it } from 'vitest';
import { allContainers } from '../../dist/containers/find.js';
import { containerFolder, containersFolder } from '../../dist/containers/folder.js';
import { bootId, lastBoot, recordBoot } from '../../dist/metadata/boot.js';
import { containersTable, takeName } from '../../dist/metadata/containers.js';
import { imagesTable } from '../../dist/metadata/images.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { readNamesCopy } from '../../dist/names/names-copy.js';
import { sweepAfterReboot } from '../../dist/operations/reboot.js';
import { containerRow } from '../containers/row.ts';
import { fakeParts } from '../parts.js';

type Parts = ReturnType<typeof fakeParts>;

/** In another state folder of the same root, with these downloads under way. */
function beside(parts: Parts, state: string, statuses: () => Promise<IngestStatus[]>): Parts {
  const store = { listStatuses: statuses, abort: async (ref: string) => void parts.released.push(`${state} ${ref}`) };
  return { ...parts, settings: { ...parts.settings, state }, store: store as never };
}

it('bug: two state folders of one root both cleaned up after a restart of the machine, the second what the first had begun since', async () => {
  using parts = fakeParts();
  await parts.metadata.write((tx) => recordBoot(tx, 'the boot before'));
  const { promise: goOn, resolve } = Promise.withResolvers<void>();
  const ingest = { ref: 'of-before' } as IngestStatus;
  const first = sweepAfterReboot(beside(parts, '/nowhere/first', () => goOn.then(() => [ingest])));
  const second = sweepAfterReboot(beside(parts, '/nowhere/second', async () => [ingest]));
  await sleep(300);
  expect(parts.released).toEqual([]);
  resolve();
  await Promise.all([first, second]);
  expect(parts.released).toEqual(['/nowhere/first of-before']);
  expect(lastBoot(parts.metadata)).toBe(bootId());
});

it('bug: the copy of the names stayed behind when the machine stopped between a change of names and the copy', async () => {
  using parts = fakeParts();
  const digest = `sha256:${'a'.repeat(64)}`;
  const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 2 } as const;
  const createdAt = new Date().toISOString();
  await parts.metadata.write((tx) => {
    recordBoot(tx, 'the boot before');
    tx.put(imagesTable, rowKey('r.test/a:1'), { target, createdAt, updatedAt: createdAt });
  });
  await sweepAfterReboot(beside(parts, '/nowhere/first', async () => []));
  expect([...(readNamesCopy(parts.settings.root)?.keys() ?? [])]).toEqual(['r.test/a:1']);
});

it('kept containers stay after a restart of the machine, with what they wrote; those that go when they end, and what was half made, go', async () => {
  using parts = fakeParts();
  const active = ['kept', 'brief', 'half-removed', 'container-unreadable'].map((name) => ({ kind: 'active', name }));
  const snapshotter = {
    walk: async function* () {
      yield* active;
    },
    stat: async (key: string) => {
      const info = active.find(({ name }) => name === key);
      if (info === undefined) throw new SlipwayError({ kind: 'not-found', code: 'SNAPSHOT_NOT_FOUND', message: key });
      return info;
    },
    remove: async (key: string) => void parts.released.push(key),
    cleanup: async () => {},
  };
  const snapshotters = { ids: ['overlay'], declares: () => ({}), get: async () => snapshotter };
  const settings = { ...parts.settings, stacks: { default: { resolver: '', runtime: '', snapshotter: ['overlay'] } } };
  await parts.metadata.write((tx) => {
    recordBoot(tx, 'the boot before');
    const put = (id: string, changes: object): void => {
      takeName(tx, `name-${id}`, id);
      tx.put(containersTable, rowKey(id), containerRow({ name: `name-${id}`, snapshotKey: id, ...changes }));
    };
    put('kept', {});
    put('brief', { removeAtExit: true });
    put('half-made', {});
    tx.put(
      defineTable<unknown>('containers', (value) => value),
      rowKey('unreadable'),
      'rubble',
    );
  });
  for (const id of ['kept', 'brief', 'half-made', 'stray', 'unreadable'])
    mkdirSync(containerFolder(parts.settings.root, id), { recursive: true });
  const rebooted = { ...beside(parts, '/nowhere/first', async () => []), settings, snapshotters: snapshotters as never };
  await sweepAfterReboot({ ...rebooted, settings: { ...settings, state: '/nowhere/first' } as never });
  expect(new Set(parts.released)).toEqual(new Set(['brief', 'half-removed']));
  expect(allContainers(parts).map(({ id }) => id)).toEqual(['kept']);
  expect(readdirSync(containersFolder(parts.settings.root))).toEqual(['kept', 'unreadable']);
  await parts.metadata.write((tx) => takeName(tx, 'name-brief', 'another'));
});
