import { setTimeout as sleep } from 'node:timers/promises';
import type { IngestStatus } from '@slipway/plugin-api';
import { expect, it } from 'vitest';
import { bootId, lastBoot, recordBoot } from '../../dist/metadata/boot.js';
import { imagesTable } from '../../dist/metadata/images.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { readNamesCopy } from '../../dist/names/names-copy.js';
import { sweepAfterReboot } from '../../dist/operations/reboot.js';
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
