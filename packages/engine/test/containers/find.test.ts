import { memoryMetadata } from '@slipway/plugin-testkit';
import { expect, it } from 'vitest';
import { findContainer } from '../../dist/containers/find.js';
import { type ContainerRow, containersTable } from '../../dist/metadata/containers.js';
import { rowKey } from '../../dist/metadata/rows.js';

const row: ContainerRow = {
  image: 'x',
  operation: 'run-1',
  manifest: 'sha256:1',
  chainId: null,
  snapshotter: 'overlay',
  snapshotKey: 'key',
  runtime: 'runc',
  createdAt: '2026-01-01T00:00:00Z',
};

it('finds by name, by id, or by the beginning of an id that was generated', async () => {
  const metadata = memoryMetadata();
  const [one, two] = [`abc1${'0'.repeat(60)}`, `abc2${'0'.repeat(60)}`];
  const ids = [one, two, 'web', 'web-2', 'abc'];
  await metadata.write((tx) => {
    for (const id of ids) tx.put(containersTable, rowKey(id), row);
  });
  const found = (text: string): string => findContainer({ metadata }, text).id;
  expect(ids.map(found)).toEqual(ids);
  expect(found('abc1')).toBe(one);
  expect(() => found('ab')).toThrow(expect.objectContaining({ kind: 'invalid-argument', code: 'CONTAINER_AMBIGUOUS' }));
  for (const text of ['we', 'web-', 'abc3', '', 'x'.repeat(2000), '../web', 'default/web'])
    expect(() => found(text)).toThrow(expect.objectContaining({ kind: 'not-found', code: 'CONTAINER_NOT_FOUND' }));
});
