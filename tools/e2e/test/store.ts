import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { defineTable, metadataPoint } from '@slipway/plugin-api';
import { blobFile, makePlace, namesIn, type Place } from './place.ts';

interface Lease {
  readonly content: readonly string[];
}

const tableOf = <T>(name: string) => defineTable<T>(name, (value) => value as T);
const [contentTable, imagesTable, leasesTable] = [tableOf('content'), tableOf('images'), tableOf<Lease>('leases')];

/** Names, blobs, snapshots, and what metadata and the disk still know of any: empty after everything was removed. */
export async function everythingKept(place: Place): Promise<string[]> {
  await using host = await place.openHost();
  const metadata = await host.kernel.get(metadataPoint);
  const rows = metadata.read((tx) =>
    [contentTable, imagesTable, leasesTable].flatMap((table) => [...tx.entries<unknown>(table)].map(([key]) => key)),
  );
  const blobs = path.join(place.root, 'content.v1/local/blobs');
  const snapshots = path.join(place.root, 'snapshotter.v1');
  return [
    ...namesIn(blobs).flatMap((algorithm) => namesIn(path.join(blobs, algorithm)).map((hex) => `blob ${algorithm}:${hex}`)),
    ...rows.map((key) => `row ${key.slice(key.indexOf('/') + 1)}`),
    ...namesIn(snapshots).flatMap((id) => namesIn(path.join(snapshots, id, 'snapshots')).map((name) => `snapshot ${id}/${name}`)),
  ];
}

export async function leases(place: Place): Promise<Lease[]> {
  await using host = await place.openHost();
  const metadata = await host.kernel.get(metadataPoint);
  return metadata.read((tx) => [...tx.entries(leasesTable)].map(([, lease]) => lease));
}

/** A blob that nothing knows of, as after the loss of metadata. */
export function makeOrphan(place: Place, text: string): string {
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  writeFileSync(blobFile(place, digest), text);
  return digest;
}

/** A download that was cut off. */
export function makeIngest(place: Place, ref: string): string {
  const folder = path.join(place.root, 'content.v1/local/ingest', createHash('sha256').update(ref).digest('hex'));
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(path.join(folder, 'meta'), JSON.stringify({ ref, startedAt: new Date().toISOString() }));
  writeFileSync(path.join(folder, 'data'), ref);
  return folder;
}

export interface SmallDisk extends Disposable {
  readonly place: Place;
  /** Leaves so many KiB. */
  fill(free: number): void;
  empty(): void;
}

/** A place whose root is on a file system of its own, of 32 MiB. */
export function smallDisk(): SmallDisk {
  const directory = mkdtempSync(path.join(tmpdir(), 'slipway-e2e-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m,mode=0700', 'tmpfs', directory], { stdio: 'pipe' });
  const ballast = path.join(directory, 'ballast');
  const place = makePlace('', directory);
  return {
    place,
    fill: (free) => {
      writeFileSync(ballast, '');
      const available = Number(execFileSync('df', ['--output=avail', '-k', directory], { encoding: 'utf8' }).split('\n')[1]);
      execFileSync('fallocate', ['-l', `${available - free}KiB`, ballast]);
    },
    empty: () => rmSync(ballast),
    [Symbol.dispose]: () => {
      place[Symbol.dispose]();
      execFileSync('umount', [directory], { stdio: 'pipe' });
      rmdirSync(directory);
    },
  };
}
