import { memoryMetadata } from '@slipway/plugin-testkit';
import { expect, it } from 'vitest';
import { findContainer } from '../../dist/containers/find.js';
import { containersTable, deleteContainer, takeName } from '../../dist/metadata/containers.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { containerRow } from './row.ts';

const idOf = (beginning: string): string => beginning.padEnd(64, '0');

async function storeWith(containers: Readonly<Record<string, string>>) {
  const metadata = memoryMetadata();
  await metadata.write((tx) => {
    for (const [name, id] of Object.entries(containers)) {
      takeName(tx, name, id);
      tx.put(containersTable, rowKey(id), containerRow({ name }));
    }
  });
  return metadata;
}

it('finds by id, by name, or by the beginning of an id', async () => {
  const metadata = await storeWith({ web: idOf('abc1'), 'web-2': idOf('abc2'), db: idOf('f00') });
  const found = (text: string): string => findContainer({ metadata }, text).row.name;
  expect([idOf('abc1'), 'web', 'abc1', 'web-2', idOf('abc2'), 'db', 'f'].map(found)).toEqual([
    'web',
    'web',
    'web',
    'web-2',
    'web-2',
    'db',
    'db',
  ]);
  expect(() => found('ab')).toThrow(expect.objectContaining({ kind: 'invalid-argument', code: 'CONTAINER_AMBIGUOUS' }));
  for (const text of ['we', 'web-', 'abc3', '', 'x'.repeat(2000), '../web', 'default/web'])
    expect(() => found(text)).toThrow(expect.objectContaining({ kind: 'not-found', code: 'CONTAINER_NOT_FOUND' }));
});

it('bug: a name that is no text was an internal error', async () => {
  const metadata = await storeWith({});
  for (const name of [undefined, null, 5, {}])
    expect(() => findContainer({ metadata }, name as never)).toThrow(
      expect.objectContaining({ kind: 'invalid-argument', message: expect.stringContaining('expected string') }),
    );
});

it('a name wins over the beginning of an id, and an id over a name', async () => {
  const [one, two] = [idOf('abc'), idOf('def')];
  const metadata = await storeWith({ first: one, abc: two });
  const found = (text: string): string => findContainer({ metadata }, text).id;
  expect(found('abc')).toBe(two);
  expect(found('abc0')).toBe(one);
  await expect(metadata.write((tx) => takeName(tx, one, two))).rejects.toMatchObject({ code: 'CONTAINER_EXISTS' });
});

it('a name is that of one container, until that is gone', async () => {
  const [one, two] = [idOf('abc'), idOf('def')];
  const metadata = await storeWith({ web: one });
  await expect(metadata.write((tx) => takeName(tx, 'web', two))).rejects.toMatchObject({
    kind: 'already-exists',
    code: 'CONTAINER_EXISTS',
    details: { name: 'web', id: one },
  });
  await metadata.write((tx) => deleteContainer(tx, one));
  await metadata.write((tx) => takeName(tx, 'web', two));
});
