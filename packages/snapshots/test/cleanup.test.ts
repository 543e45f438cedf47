import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import { memoryMetadata } from '@slipway/plugin-testkit';
import { DirectorySnapshotter } from '@slipway/snapshots';
import { expect, it } from 'vitest';
import { tempFolder } from './temp.ts';

it('cleans up the rest when one folder cannot be deleted, and reports that one', async () => {
  const root = tempFolder();
  const trees = {
    fill: async () => {},
    mounts: () => [],
    trees: () => [],
    layerTarget: () => ({ format: 'directory', path: '/', lower: [] }) as const,
    settle: async () => {},
  };
  await using snapshotter = new DirectorySnapshotter({ id: 'test', root, metadata: memoryMetadata(), trees });
  for (const id of ['100', '101', '102', 'not-ours']) {
    mkdirSync(join(root, 'snapshots', id, 'fs'), { recursive: true });
    writeFileSync(join(root, 'snapshots', id, 'fs/file'), '');
  }
  // A mount point cannot be removed.
  const place = join(root, 'snapshots/101/fs');
  const fd = linux.mountDetached([{ kind: 'generic', fstype: 'tmpfs', source: 'busy', flags: [], data: {} }]);
  linux.attachMount(fd, place);
  try {
    await expect(snapshotter.cleanup()).rejects.toMatchObject({ kind: 'failed-precondition', code: 'SYSTEM_EBUSY' });
    expect(readdirSync(join(root, 'snapshots')).sort((a, b) => (a < b ? -1 : 1))).toEqual(['101', 'not-ours']);
  } finally {
    linux.unmount(place, { detach: true });
  }
  await snapshotter.cleanup();
  expect(readdirSync(join(root, 'snapshots'))).toEqual(['not-ours']);
});
