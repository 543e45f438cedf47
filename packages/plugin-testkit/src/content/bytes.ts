import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ContentInfo, ContentStore, ContentWriter, Digest, WriterOptions } from '@slipway/plugin-api';

export const digestOf = (bytes: Uint8Array, algorithm = 'sha256'): Digest =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;

/** Bytes of which no two megabytes are alike; the same for the same seed, in every process. */
export function content(size: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let index = 0, state = seed; index < size; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

export const small = content(1000);
/** More than any buffer of a store. */
export const large = content(5_500_000, 2);
export const sizes: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['small', small],
  ['large', large],
];
export const absent: Digest = `sha256:${'0'.repeat(64)}`;

/** What is expected of a writer that brings `bytes`. */
export const expectedOf = (bytes: Uint8Array): { readonly digest: Digest; readonly size: number } => ({
  digest: digestOf(bytes),
  size: bytes.length,
});

export function chunks(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

export async function writeInChunks(writer: ContentWriter, bytes: Uint8Array): Promise<void> {
  for (const chunk of chunks(bytes, 65_537)) await writer.write(chunk);
}

/** Brings content in, resuming what is there of it, and commits it. */
export async function put(
  store: ContentStore,
  ref: string,
  bytes: Uint8Array,
  expected?: WriterOptions['expected'],
): Promise<{ readonly digest: Digest; readonly size: number }> {
  await using writer = await store.writer({ ref, expected });
  await writeInChunks(writer, bytes.subarray(writer.status().offset));
  return await writer.commit();
}

export async function readAll(store: ContentStore, digest: Digest): Promise<Buffer> {
  await using reader = await store.readerAt(digest);
  const bytes = Buffer.alloc(reader.size);
  assert.equal(await reader.read(bytes, 0), reader.size);
  return bytes;
}

export async function walked(store: ContentStore): Promise<ContentInfo[]> {
  const infos: ContentInfo[] = [];
  for await (const info of store.walk()) infos.push(info);
  return infos;
}

/** Every blob that is seen is what its digest says, and every ingest that is listed has a status. */
export async function assertWhole(store: ContentStore): Promise<void> {
  for (const { digest, size } of await walked(store)) {
    const bytes = await readAll(store, digest);
    assert.equal(digestOf(bytes, digest.slice(0, digest.indexOf(':'))), digest);
    assert.equal(bytes.length, size);
  }
  for (const status of await store.listStatuses()) assert.deepEqual(await store.status(status.ref), status);
}
