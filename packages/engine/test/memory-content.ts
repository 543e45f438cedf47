import { createHash } from 'node:crypto';
import { parseDigest } from '@slipway/oci';
import { type ContentStore, type ContentWriter, type ErrorKind, SlipwayError, type WriterOptions } from '@slipway/plugin-api';

interface Ingest {
  readonly ref: string;
  readonly startedAt: string;
  bytes: Buffer;
  expected: WriterOptions['expected'];
  isOpen: boolean;
}

const refuse = (kind: ErrorKind): never => {
  throw new SlipwayError({ kind, code: 'MEMORY_CONTENT', message: kind });
};

/** A content store of one process, without labels. */
export function memoryContent(): ContentStore {
  const blobs = new Map<string, { readonly bytes: Buffer; readonly createdAt: string }>();
  const ingests = new Map<string, Ingest>();
  const blob = (digest: string) => blobs.get(digest) ?? refuse('not-found');
  const infoOf = (digest: string) => {
    parseDigest(digest);
    const { bytes, createdAt } = blob(digest);
    return { digest, size: bytes.length, createdAt, labels: {} };
  };
  const statusOf = ({ ref, startedAt, bytes, expected }: Ingest) => ({
    ref,
    offset: bytes.length,
    startedAt,
    updatedAt: startedAt,
    ...(expected === undefined ? {} : { total: expected.size, expected: expected.digest }),
  });

  function open({ ref, expected }: WriterOptions): ContentWriter {
    if (ref.length < 1 || ref.length > 512 || !Number.isSafeInteger(expected?.size ?? 0) || (expected?.size ?? 0) < 0)
      refuse('invalid-argument');
    if (expected !== undefined) parseDigest(expected.digest);
    if (expected !== undefined && blobs.has(expected.digest)) refuse('already-exists');
    const left = ingests.get(ref);
    if (left?.isOpen === true) refuse('unavailable');
    const isSame = left?.expected === undefined || expected === undefined || left.expected.digest === expected.digest;
    const ingest: Ingest =
      left !== undefined && isSame
        ? { ...left, expected: expected ?? left.expected, isOpen: true }
        : { ref, startedAt: new Date().toISOString(), bytes: Buffer.alloc(0), expected, isOpen: true };
    ingests.set(ref, ingest);
    const check = (): unknown => ingest.isOpen || refuse('failed-precondition');
    const close = async (): Promise<void> => {
      ingest.isOpen = false;
    };
    return {
      async write(chunk) {
        check();
        if (ingest.bytes.length + chunk.length > (ingest.expected?.size ?? Number.POSITIVE_INFINITY))
          refuse('failed-precondition');
        ingest.bytes = Buffer.concat([ingest.bytes, chunk]);
      },
      status: () => statusOf(ingest),
      async truncate() {
        check();
        ingest.bytes = Buffer.alloc(0);
      },
      async commit(wanted = {}) {
        check();
        await close();
        ingests.delete(ref);
        const { bytes } = ingest;
        const name = wanted.digest ?? ingest.expected?.digest;
        const algorithm = name === undefined ? 'sha256' : parseDigest(name).algorithm;
        const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
        if (digest !== (name ?? digest)) refuse('failed-precondition');
        if (bytes.length !== (wanted.size ?? ingest.expected?.size ?? bytes.length)) refuse('failed-precondition');
        if (blobs.has(digest)) refuse('already-exists');
        blobs.set(digest, { bytes, createdAt: new Date().toISOString() });
        return { digest, size: bytes.length };
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  return {
    info: async (digest) => infoOf(digest),
    update: async () => refuse('unimplemented'),
    async *walk() {
      for (const digest of blobs.keys()) yield infoOf(digest);
    },
    async delete(digest) {
      infoOf(digest);
      blobs.delete(digest);
    },
    async readerAt(digest) {
      infoOf(digest);
      const { bytes } = blob(digest);
      let isOpen = true;
      return {
        size: bytes.length,
        async read(target, position) {
          if (!isOpen) refuse('failed-precondition');
          return position < bytes.length ? bytes.copy(target, 0, position) : 0;
        },
        async [Symbol.asyncDispose]() {
          isOpen = false;
        },
      };
    },
    writer: async (options) => open(options),
    status: async (ref) => {
      if (ref.length < 1 || ref.length > 512) refuse('invalid-argument');
      return statusOf(ingests.get(ref) ?? refuse('not-found'));
    },
    listStatuses: async () => [...ingests.values()].map(statusOf),
    async abort(ref) {
      if (ref.length < 1 || ref.length > 512) refuse('invalid-argument');
      const ingest = ingests.get(ref) ?? refuse('not-found');
      if (ingest.isOpen) refuse('unavailable');
      ingests.delete(ref);
    },
  };
}
