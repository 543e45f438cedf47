import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { blobFile, finishLayout, OCI, putJson, putManifest, startRegistry } from '@slipway/fixtures';
import { pack } from 'tar-stream';
import { Cgroup } from '../cgroup.ts';
import { measure } from '../measure.ts';
import { scratchFileSystem } from '../scratch.ts';
import { slipway } from '../slipway.ts';

/** How the peak memory of a pull grows with the bytes of a layer, and with its entries. */

const MIB = 2 ** 20;
const PIECE = 4 * MIB;

interface Layer {
  readonly label: string;
  readonly entries: number;
  /** Of each entry. */
  readonly bytes: number;
}

const layers: readonly Layer[] = [
  ...[16, 128, 512, 2048].map((mib) => ({ label: `${mib} MiB in files of 16 MiB`, entries: mib / 16, bytes: 16 * MIB })),
  ...[1_000, 10_000, 100_000, 400_000].map((entries) => ({ label: `${entries} files of 100 bytes`, entries, bytes: 100 })),
];

using scratch = scratchFileSystem();
await using registry = await startRegistry();
process.stdout.write('| layer | compressed MiB | wall s | cpu / wall | peak MiB |\n|---|---|---|---|---|\n');
for (const [index, layer] of layers.entries()) {
  const layout = path.join(scratch.folder, `layout-${index}`);
  const compressed = await writeLayout(layout, layer);
  await registry.push(layout, `curve/layer-${index}`, 'latest');
  rmSync(layout, { recursive: true });
  const folder = path.join(scratch.folder, `store-${index}`);
  mkdirSync(folder);
  await using cgroup = new Cgroup(`slipway-curve-${process.pid}-${index}`);
  await using session = await slipway.open(folder, `${registry.address}/curve/layer-${index}:latest`, cgroup);
  const { wallMs, cpuMs, peakBytes } = await measure(session.pull, cgroup);
  const columns = [
    layer.label,
    (compressed / MIB).toFixed(1),
    (wallMs / 1000).toFixed(2),
    (cpuMs / wallMs).toFixed(2),
    (peakBytes / MIB).toFixed(0),
  ];
  process.stdout.write(`| ${columns.join(' | ')} |\n`);
}

/** @returns the size of the compressed layer */
async function writeLayout(layout: string, layer: Layer): Promise<number> {
  const draft = path.join(layout, 'draft');
  mkdirSync(path.join(layout, 'blobs/sha256'), { recursive: true });
  const [diffId, digest] = [createHash('sha256'), createHash('sha256')];
  await pipeline(tarOf(layer), hashed(diffId), createGzip({ level: 1 }), hashed(digest), createWriteStream(draft));
  const { size } = statSync(draft);
  const descriptor = { mediaType: `${OCI}.layer.v1.tar+gzip`, digest: `sha256:${digest.digest('hex')}`, size };
  renameSync(draft, blobFile(layout, descriptor.digest));
  const config = putJson(layout, `${OCI}.config.v1+json`, {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [`sha256:${diffId.digest('hex')}`] },
  });
  finishLayout(layout, putManifest(layout, `${OCI}.manifest.v1+json`, config, [descriptor]));
  return size;
}

function tarOf({ entries, bytes }: Layer): AsyncIterable<unknown> {
  const tar = pack();
  // Half of it compresses away.
  const piece = Buffer.concat([randomBytes(PIECE / 2), Buffer.alloc(PIECE / 2, 'slipway')]);
  const write = async (): Promise<void> => {
    for (let index = 0; index < entries; index++) {
      const name = `usr/share/curve/${Math.floor(index / 256)}/file-${index}`;
      const entry = tar.entry({ name, size: bytes, mode: 0o644 });
      for (let left = bytes; left > 0; left -= piece.length) {
        const room = entry.write(piece.subarray(0, Math.min(left, piece.length)));
        if (!room) await new Promise<void>((resolve) => entry.once('drain', () => resolve()));
      }
      entry.end(undefined);
    }
    tar.finalize();
  };
  write().catch((error: unknown) => tar.destroy(error as Error));
  return tar;
}

function hashed(hash: ReturnType<typeof createHash>): Transform {
  return new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}
