import { existsSync, mkdirSync } from 'node:fs';
import { type Digest, defineTable } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findContainer } from '../../dist/containers/find.js';
import { containerFolder, removeStrayFolders } from '../../dist/containers/folder.js';
import { listContainers } from '../../dist/containers/list.js';
import { removeByName } from '../../dist/containers/remove-by-name.js';
import { containersTable, takeName } from '../../dist/metadata/containers.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { sweep } from '../../dist/metadata/sweep.js';
import { volumeUsers } from '../../dist/volumes/users.js';
import { type TestStore, testStore } from '../metadata/store.ts';
import { containerRow } from './row.ts';

/** What another version, or a damaged page, left there. */
const damagedTable = defineTable<unknown>('containers', (value) => value);
const [well, broken] = ['a'.repeat(64), 'b'.repeat(64)];

let store: TestStore;
let warnings: string[];
let parts: TestStore['parts'];

beforeEach(async () => {
  store = testStore();
  warnings = [];
  const log = { ...(store.parts.log as object), warn: (message: string) => void warnings.push(message) };
  parts = { ...store.parts, log, runtimes: { ids: [] } } as never;
  await store.metadata.write((tx) => {
    takeName(tx, 'well', well);
    takeName(tx, 'broken', broken);
    tx.put(containersTable, rowKey(well), containerRow({ name: 'well' }));
  });
});

afterEach(() => store[Symbol.dispose]());

const damage = (row: unknown): Promise<void> => store.metadata.write((tx) => tx.put(damagedTable, rowKey(broken), row));

const needed = async (): Promise<Digest> => (await store.add('manifest')) as Digest;

it('bug: one container whose row cannot be read hid all others', async () => {
  await damage({ settings: 'none' });
  expect((await listContainers(parts, { all: true })).map(({ name }) => name)).toEqual(['well']);
  expect(warnings).toEqual([expect.stringMatching(/^container "broken" cannot be read: .*; slipway rm bbbbbbbbbbbb removes it/)]);
  expect(findContainer(parts, 'well').id).toBe(well);
  for (const text of ['broken', broken, 'bbb'])
    expect(() => findContainer(parts, text)).toThrow(
      expect.objectContaining({ kind: 'data-loss', code: 'CONTAINER_UNREADABLE', details: { id: broken, name: 'broken' } }),
    );
});

it('what a damaged row still says it needs is kept from a sweep', async () => {
  const digest = await needed();
  await damage({ ...containerRow({ manifest: digest }), settings: 'none' });
  expect(await sweep(parts, undefined)).toMatchObject({ content: [] });
});

it('nothing is swept while nobody knows what a container needs', async () => {
  const digest = await needed();
  await damage('rubble');
  await expect(sweep(parts, undefined)).rejects.toMatchObject({ code: 'CONTAINER_UNREADABLE' });
  await removeByName(parts, 'broken', {});
  expect(await sweep(parts, undefined)).toMatchObject({ content: [digest] });
});

it('it may have any volume, and keeps its folder', async () => {
  await damage('rubble');
  expect(volumeUsers(parts)('local', 'some')).toEqual(['bbbbbbbbbbbb']);
  mkdirSync(containerFolder(parts.settings.root, broken), { recursive: true });
  removeStrayFolders(parts);
  expect(existsSync(containerFolder(parts.settings.root, broken))).toBe(true);
});

it('it can be removed by name, by id and by the beginning of its id, and its name is free then', async () => {
  for (const text of ['broken', broken, 'bb']) {
    await store.metadata.write((tx) => takeName(tx, 'broken', broken));
    await damage(null);
    mkdirSync(containerFolder(parts.settings.root, broken), { recursive: true });
    await removeByName(parts, text, {});
    expect(existsSync(containerFolder(parts.settings.root, broken))).toBe(false);
    expect(() => findContainer(parts, text)).toThrow(expect.objectContaining({ code: 'CONTAINER_NOT_FOUND' }));
    await store.metadata.write((tx) => takeName(tx, 'broken', well));
    await store.metadata.write((tx) => tx.delete(defineTable('container-names', String), rowKey('broken')));
  }
});

it('it is not removed while it runs', async () => {
  await damage(null);
  const runtimes = { ids: ['fake'], get: async () => ({ state: async () => ({ status: 'running' }) }) };
  await expect(removeByName({ ...parts, runtimes } as never, 'broken', {})).rejects.toMatchObject({ code: 'CONTAINER_RUNNING' });
  expect(() => findContainer(parts, 'broken')).toThrow(expect.objectContaining({ code: 'CONTAINER_UNREADABLE' }));
});
