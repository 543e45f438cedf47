import { defineTable } from '@slipway/plugin-api';
import { memoryMetadata } from '@slipway/plugin-testkit';
import { DirectorySnapshotter } from '@slipway/snapshots';
import { describe, expect, it } from 'vitest';
import { tempFolder } from './temp.ts';

const raw = defineTable('snapshotter.v1/test/snapshots', (value) => value);
const sound = {
  id: 1,
  kind: 'active',
  name: 'k',
  labels: {},
  createdAt: '2026-01-01T00:00:00Z',
  updatedAt: '2026-01-01T00:00:00Z',
};

describe('a row of the books', () => {
  it.each([
    ['a kind that is none', { ...sound, kind: 'frozen' }],
    ['no id', { ...sound, id: undefined }],
    ['an id that would leave the folder', { ...sound, id: '../..' }],
    ['an id below 1', { ...sound, id: 0 }],
    ['a label that is no string', { ...sound, labels: { a: 1 } }],
    ['a parent that is no string', { ...sound, parent: 7 }],
    ['no object', 'k'],
  ])('is data-loss with %s', async (_what, row) => {
    const metadata = memoryMetadata();
    await metadata.write((tx) => tx.put(raw, 'k', row));
    const trees = {
      fill: async () => {},
      mounts: () => [],
      trees: () => [],
      layerTarget: () => ({ format: 'directory', path: '/', lower: [] }) as const,
      settle: async () => {},
    };
    await using snapshotter = new DirectorySnapshotter({ id: 'test', root: tempFolder(), metadata, trees });
    await expect(snapshotter.stat('k')).rejects.toMatchObject({ kind: 'data-loss' });
  });
});
