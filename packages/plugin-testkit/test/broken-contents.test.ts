import { openSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Capabilities,
  type ContentStore,
  type ContentWriter,
  type ErrorKind,
  isKind,
  SlipwayError,
} from '@slipway/plugin-api';
import { contentLaws, MemoryContentPlace, memoryContent, type OpenSubject } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { GroupRunner } from './group-runner.ts';

type Change = (sound: ContentStore, place: MemoryContentPlace) => Partial<ContentStore>;

/** The store in memory, with some methods replaced. */
function opener(change: Change, capabilities: Capabilities = { labels: true }): OpenSubject<ContentStore> {
  const places = new Map<string, MemoryContentPlace>();
  return async (root) => {
    const place = places.get(root) ?? new MemoryContentPlace();
    places.set(root, place);
    const sound = memoryContent(place);
    const instance: ContentStore = {
      info: (digest) => sound.info(digest),
      update: (digest, labels) => sound.update(digest, labels),
      walk: () => sound.walk(),
      delete: (digest) => sound.delete(digest),
      readerAt: (digest) => sound.readerAt(digest),
      writer: (options) => sound.writer(options),
      status: (ref) => sound.status(ref),
      listStatuses: () => sound.listStatuses(),
      abort: (ref) => sound.abort(ref),
      ...change(sound, place),
    };
    return { instance, capabilities, [Symbol.asyncDispose]: () => sound[Symbol.asyncDispose]() };
  };
}

/** Every writer, with some methods replaced. */
const writers =
  (change: (writer: ContentWriter, place: MemoryContentPlace) => Partial<ContentWriter>): Change =>
  (sound, place) => ({
    async writer(options) {
      const writer = await sound.writer(options);
      return {
        write: (chunk) => writer.write(chunk),
        status: () => writer.status(),
        truncate: () => writer.truncate(),
        commit: (expected) => writer.commit(expected),
        close: () => writer.close(),
        [Symbol.asyncDispose]: () => writer.close(),
        ...change(writer, place),
      };
    },
  });

const unless =
  (kind: ErrorKind) =>
  (error: unknown): void => {
    if (!isKind(error, kind)) throw error;
  };

const closedWriter = (): SlipwayError => new SlipwayError({ kind: 'failed-precondition', code: 'CLOSED', message: 'closed' });

const notFoundInstead = (error: unknown): never => {
  if (!isKind(error, 'invalid-argument')) throw error;
  throw new SlipwayError({ kind: 'not-found', code: 'X', message: 'x' });
};

interface Fault {
  readonly fault: string;
  readonly open: OpenSubject<ContentStore>;
  /** Those that fail; all others of `among` hold. */
  readonly laws: readonly string[];
  /** Groups of laws that are looked at. */
  readonly among?: readonly string[];
}

const faults: readonly Fault[] = [
  {
    fault: 'the digest is believed',
    open: opener(
      writers((writer, place) => ({
        async commit(expected = {}) {
          const name = expected.digest ?? writer.status().expected;
          const found = await writer.commit(expected).catch(async (error: unknown) => {
            if (!isKind(error, 'failed-precondition') || name === undefined) throw error;
            return undefined;
          });
          if (found !== undefined) return found;
          place.blobs.set(name ?? '', { bytes: Buffer.alloc(0), createdAt: new Date().toISOString(), labels: {} });
          return { digest: name ?? '', size: 0 };
        },
      })),
    ),
    laws: [
      'what was expected on opening is checked on commit (small)',
      'what was expected on opening is checked on commit (large)',
      'a resumed ingest of other bytes is caught',
      'a wrong size or digest is failed-precondition, and the small ingest is gone',
      'a wrong size or digest is failed-precondition, and the large ingest is gone',
    ],
  },
  {
    fault: 'the size is not looked at',
    open: opener(
      writers((writer) => ({
        commit: ({ digest } = {}) => writer.commit({ ...(digest === undefined ? {} : { digest }), size: writer.status().offset }),
      })),
    ),
    laws: [
      'what was expected on opening is checked on commit (small)',
      'what was expected on opening is checked on commit (large)',
      'a wrong size or digest is failed-precondition, and the small ingest is gone',
      'a wrong size or digest is failed-precondition, and the large ingest is gone',
    ],
  },
  {
    fault: 'a ref has two writers',
    open: opener((sound, place) => ({
      async writer(options) {
        const ingest = place.ingests.get(options.ref);
        if (ingest !== undefined) ingest.owner = undefined;
        return await sound.writer(options);
      },
    })),
    laws: ['a second writer of an open ref is unavailable; others are not'],
  },
  {
    fault: 'close forgets progress',
    open: opener(
      writers((writer) => ({
        async close() {
          await writer.truncate().catch(() => undefined);
          await writer.close();
        },
        async [Symbol.asyncDispose]() {
          await writer.truncate().catch(() => undefined);
          await writer.close();
        },
      })),
    ),
    laws: [
      'close keeps progress in the first buffer, for this store and the next (Resume)',
      'close keeps progress far behind it, for this store and the next (Resume)',
      'close keeps progress at the end, for this store and the next (Resume)',
      'what is expected may be said when it is resumed',
      'truncate begins anew after 500 bytes, also in a resumed ingest (ResumeTruncate)',
      'truncate begins anew after 2500000 bytes, also in a resumed ingest (ResumeTruncate)',
    ],
  },
  {
    fault: 'chunks are kept without a copy',
    open: opener(
      writers((writer, place) => ({
        async write(chunk) {
          await writer.write(chunk);
          const kept = place.ingests.get(writer.status().ref)?.chunks;
          kept?.splice(-1, 1, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
        },
      })),
    ),
    laws: [
      'a chunk may be reused as soon as its write is done',
      'an ingest is resumed from a source that is read by position (ResumeCopyReaderAt)',
    ],
  },
  {
    fault: 'what is there is committed again in silence',
    open: opener(
      writers((writer) => ({
        commit: async (expected) =>
          await writer.commit(expected).catch((error: unknown) => {
            if (!isKind(error, 'already-exists')) throw error;
            return { digest: `sha256:${'0'.repeat(64)}`, size: 0 };
          }),
      })),
    ),
    laws: ['committing what is there is already-exists, and the ingest is gone (CommitExists)'],
  },
  {
    fault: 'a blob stays when it is deleted',
    open: opener((sound) => ({ delete: async (digest) => void (await sound.info(digest)) })),
    laws: ['a walk can be given up', 'a deleted blob is gone; an open reader goes on', 'labels end with their blob'],
  },
  {
    fault: 'what is missing is deleted in silence',
    open: opener((sound) => ({ delete: (digest) => sound.delete(digest).catch(unless('not-found')) })),
    laws: ['a deleted blob is gone; an open reader goes on', 'what is not there is not-found'],
  },
  {
    fault: 'walk shows blobs twice',
    open: opener((sound) => ({
      async *walk() {
        yield* sound.walk();
        yield* sound.walk();
      },
    })),
    laws: [
      'walk shows every blob once, as info does',
      'walk shows once what stays, whatever comes and goes meanwhile',
      'a walk can be given up',
    ],
  },
  {
    fault: 'labels are added up',
    open: opener((sound) => ({
      update: async (digest, labels) => await sound.update(digest, { ...(await sound.info(digest)).labels, ...labels }),
    })),
    laws: ['update replaces the labels and nothing else (Labels)'],
  },
  {
    fault: 'labels are claimed and not kept',
    open: opener((sound) => ({ update: (digest) => sound.info(digest) })),
    laws: [
      'update replaces the labels and nothing else (Labels)',
      'walk shows labels, and keys that JavaScript gives a meaning',
      'labels are there after reopening',
    ],
  },
  {
    fault: 'labels are kept and not claimed',
    open: opener(() => ({}), {}),
    laws: ['without the capability "labels" update is unimplemented, and a blob has none'],
  },
  {
    fault: 'a digest of bad form is just not there',
    open: opener((sound) => ({ info: (digest) => sound.info(digest).catch(notFoundInstead) })),
    laws: ['a digest is checked for its form before anything is done with it'],
  },
  {
    fault: 'more is taken than was expected',
    open: opener((sound, place) => ({
      async writer(options) {
        const writer = await sound.writer(options);
        const ingest = place.ingests.get(options.ref);
        return Object.assign(writer, {
          write: async (chunk: Uint8Array) => {
            if (ingest?.owner !== writer) throw closedWriter();
            ingest.chunks.push(Buffer.from(chunk));
            ingest.offset += chunk.length;
          },
        });
      },
    })),
    laws: ['stops at the expected size + 1'],
  },
  {
    fault: 'a closed reader reads on',
    open: opener((sound) => ({
      async readerAt(digest) {
        const reader = await sound.readerAt(digest);
        return { ...reader, [Symbol.asyncDispose]: async () => undefined };
      },
    })),
    laws: ['a closed reader reads no more; closing it is idempotent'],
  },
  {
    fault: 'a short read is not the end',
    open: opener((sound) => ({
      async readerAt(digest) {
        const reader = await sound.readerAt(digest);
        return {
          ...reader,
          read: (target, position) => reader.read(position === 0 ? target : target.subarray(0, 250), position),
        };
      },
    })),
    laws: ['reads anywhere; less only at the end', 'readers are many and of one mind'],
  },
  {
    fault: 'progress towards other content is resumed',
    open: opener((sound, place) => ({
      async writer(options) {
        const left = place.ingests.get(options.ref);
        if (left?.owner === undefined && left?.expected !== undefined && options.expected !== undefined)
          left.expected = undefined;
        return await sound.writer(options);
      },
    })),
    laws: ['progress towards other content is not resumed'],
  },
  {
    fault: 'an open ingest is aborted',
    open: opener((sound, place) => ({
      async abort(ref) {
        await sound.abort(ref).catch((error: unknown) => {
          if (!isKind(error, 'unavailable')) throw error;
          place.ingests.delete(ref);
        });
      },
    })),
    laws: ['a second writer of an open ref is unavailable; others are not'],
  },
  {
    fault: 'the status does not follow',
    open: opener((sound) => ({ status: async (ref) => ({ ...(await sound.status(ref)), offset: 0 }) })),
    laws: [
      'the status follows what is written (UpdateStatus)',
      'close keeps progress in the first buffer, for this store and the next (Resume)',
      'close keeps progress far behind it, for this store and the next (Resume)',
      'close keeps progress at the end, for this store and the next (Resume)',
    ],
  },
  {
    fault: 'a reader leaves a descriptor behind',
    open: opener((sound) => ({
      async readerAt(digest) {
        openSync('/dev/null', 'r');
        return await sound.readerAt(digest);
      },
    })),
    among: ['clean-up'],
    laws: ['dispose leaves no descriptor, mount, file, process or thread'],
  },
  {
    fault: 'a writer leaves a temporary file behind',
    open: opener((sound) => ({
      async writer(options) {
        writeFileSync(join(tmpdir(), `slipway-left-${Math.random()}`), '');
        return await sound.writer(options);
      },
    })),
    among: ['clean-up'],
    laws: ['dispose leaves no descriptor, mount, file, process or thread'],
  },
  {
    fault: 'a disposed store goes on',
    open: opener((_sound, place) => ({ listStatuses: () => memoryContent(place).listStatuses() })),
    among: ['clean-up'],
    laws: ['after dispose every call is refused, and says so'],
  },
];

/** Those that one broken method can touch; "several at once" and "clean-up" take longer and say the same. */
const groups = ['manifest agreement', 'blobs', 'writers', 'progress', 'labels', 'replacing', 'failures'];

describe('the laws of content that fail', () => {
  for (const { fault, open, laws, among = groups } of faults) {
    it(`when ${fault}`, async () => {
      const runner = new GroupRunner();
      await contentLaws(runner, open);
      expect(await runner.failing(among)).toEqual(laws);
    });
  }
});
