import { type FileHandle, stat } from 'node:fs/promises';
import {
  type ArchiveFile,
  type ByteSink,
  contentBelow,
  contentOf,
  type ImageArchive,
  namelessFile,
  readFully,
  referredEntry,
  spool,
  verified,
  wholeName,
  withEntries,
  writeArchiveFile,
  writeDockerArchive,
  writeOciArchive,
} from '@slipway/archives';
import { isManifestType } from '@slipway/oci';
import {
  canceled,
  type Descriptor,
  type Digest,
  type Fetcher,
  isKind,
  type Pusher,
  type PushOptions,
  type PushOutcome,
  type ResolveOptions,
  SlipwayError,
  step,
  throwIfAborted,
  wrapError,
} from '@slipway/plugin-api';
import { type ArchiveName, schemes } from './archive-name.js';
import { identityAt } from './file-identity.js';
import { failure } from './find-image.js';
import { type OpenArchives, type UsedArchive, unlessAborted } from './open-archives.js';
import { pushAttempts } from './push-attempts.js';
import { referrerEntry } from './referrer-entry.js';
import { requireTarget } from './require-target.js';

interface Place {
  readonly position: number;
  readonly size: number;
}

/**
 * Gathers content in a file without a name, and makes the archive of it and of what was in the archive before, at the end and in one step: the same
 * images are the same bytes, in whatever order they came.
 */
export class ArchivePusher implements Pusher {
  readonly #name: ArchiveName;
  readonly #spoolFolder: string;
  readonly #archives: OpenArchives;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  readonly #content = new Map<Digest, Promise<Place>>();
  readonly #manifests = new Map<Digest, Descriptor>();
  #before: Promise<UsedArchive | undefined> | undefined;
  #file: Promise<FileHandle> | undefined;
  #end = 0;
  /** Of the file that the archive was in when the push began; undefined where there was none. */
  #identity: Promise<string | undefined> | undefined;

  constructor(name: ArchiveName, spoolFolder: string, archives: OpenArchives) {
    this.#name = name;
    this.#spoolFolder = spoolFolder;
    this.#archives = archives;
    this.#signal = AbortSignal.any([archives.closing, this.#ended.signal]);
  }

  async push(descriptor: Descriptor, source: Fetcher, options: PushOptions = {}): Promise<PushOutcome> {
    const { digest } = descriptor;
    const signal = this.#until(options.signal);
    let place = this.#content.get(digest);
    const isKnown = place !== undefined;
    place ??= this.#begin(descriptor, source, signal, options);
    const { size } = await place;
    if (isManifestType(descriptor.mediaType)) this.#manifests.set(digest, descriptor);
    step('archive.pushed', { name: this.#name.text, digest });
    return isKnown || size < 0 ? 'exists' : 'pushed';
  }

  async complete(target: Descriptor, options: ResolveOptions = {}): Promise<void> {
    const { text, path, scheme, reference } = this.#name;
    const signal = this.#until(options.signal);
    throwIfAborted(`push to ${JSON.stringify(text)}`, signal);
    const open = await this.#opener(signal);
    {
      await using file = await open(target.digest);
      requireTarget(this.#name, target, file?.size === target.size);
    }
    const source = fetcherOf(open);
    const before = await this.#archiveBefore(signal);
    const write = async (sink: ByteSink): Promise<void> => {
      await writeAll(sink);
      // Somebody else has added an image meanwhile, which would be gone.
      if ((await identityAt(path)) !== (await this.#identity)) throw changed(text);
    };
    const writeAll = async (sink: ByteSink): Promise<void> => {
      if (schemes[scheme].kind === 'docker') {
        const images = dockerImages(before, target, reference);
        return writeDockerArchive(sink, { images, source, spoolFolder: this.#spoolFolder, signal });
      }
      const referrers: Descriptor[] = [];
      for (const manifest of this.#manifests.values()) {
        const entry = await referrerEntry(manifest, open);
        if (entry !== undefined && entry.digest !== target.digest) referrers.push(entry);
      }
      referrers.sort((a, b) => (a.digest < b.digest ? -1 : 1));
      const added = [referredEntry(target, reference), ...referrers];
      const entries = withEntries(before?.entries ?? [], added) as Descriptor[];
      return writeOciArchive(sink, { entries, content: await contentBelow(entries, open, signal), source, signal });
    };
    await writeArchiveFile(path, write, signal);
    step('archive.named', { name: text, digest: target.digest });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(canceled(`push to ${JSON.stringify(this.#name.text)}`));
    await Promise.allSettled(this.#content.values());
    this.#content.clear();
    const [file, before] = await Promise.all([this.#file, this.#before].map((one) => one?.catch(() => undefined)));
    this.#file = undefined;
    this.#before = undefined;
    await (file as FileHandle | undefined)?.close();
    await (before as UsedArchive | undefined)?.[Symbol.asyncDispose]();
  }

  #begin(descriptor: Descriptor, source: Fetcher, signal: AbortSignal, options: PushOptions): Promise<Place> {
    const place = this.#take(descriptor, source, signal, options);
    this.#content.set(descriptor.digest, place);
    // What the archive has already needs no place here, and what failed can be tried again.
    const forget = (): unknown => this.#content.delete(descriptor.digest);
    place.then(({ size }) => size < 0 && forget(), forget);
    return place;
  }

  /** Each has its own part of the file, so that several can come in at once. A size below 0: the archive has it. */
  async #take(descriptor: Descriptor, source: Fetcher, signal: AbortSignal, { onProgress }: PushOptions): Promise<Place> {
    const { digest, size } = descriptor;
    const what = `push of "${digest}" to ${JSON.stringify(this.#name.text)}`;
    let place: Place = { position: 0, size: -1 };
    await pushAttempts(descriptor, signal, async () => {
      const before = await this.#archiveBefore(signal);
      await using there = await before?.open(digest);
      if (there?.size === size) return;
      if (place.size < 0) {
        place = { position: this.#end, size };
        this.#end += size;
      }
      this.#file ??= namelessFile(this.#spoolFolder);
      const { position } = place;
      try {
        await spool(verified(descriptor, source, signal, onProgress), await this.#file, { what, limit: size, position, signal });
      } catch (error) {
        throw wrapError(what, error);
      }
    });
    return place;
  }

  /** Content that was pushed, or else that of the archive as it was when the push began. */
  async #opener(signal: AbortSignal): Promise<(digest: Digest) => Promise<ArchiveFile | undefined>> {
    const before = await this.#archiveBefore(signal);
    const places = new Map<Digest, Place>();
    for (const [digest, place] of this.#content) places.set(digest, await place);
    const file = await this.#file;
    return async (digest) => {
      const place = places.get(digest);
      if (place === undefined || file === undefined) return before?.open(digest);
      const { position, size } = place;
      return {
        size,
        read: (target, at) => readFully(file, target.subarray(0, Math.max(0, size - at)), position + at),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
    };
  }

  /** Of a file that is there and is no such archive nothing is made. Errors: `ARCHIVE_FORMAT_UNKNOWN`. */
  async #archiveBefore(signal: AbortSignal): Promise<ImageArchive | undefined> {
    this.#identity ??= identityAt(this.#name.path);
    await this.#identity;
    if (this.#before === undefined && (await isEmptyFile(this.#name.path))) return undefined;
    this.#before ??= this.#archives.use(this.#name, this.#signal).catch((error: unknown) => {
      if (isKind(error, 'not-found')) return undefined;
      this.#before = undefined;
      throw error;
    });
    return (await unlessAborted(`push to ${JSON.stringify(this.#name.text)}`, this.#before, signal))?.archive;
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#signal : AbortSignal.any([signal, this.#signal]);
  }
}

/** As mktemp(1) makes it: there is nothing in it to keep. */
async function isEmptyFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === 0;
}

function changed(name: string): SlipwayError {
  return new SlipwayError({
    kind: 'aborted',
    code: 'ARCHIVE_CHANGED',
    message: `push to ${JSON.stringify(name)}: somebody else has changed the archive meanwhile`,
    hint: 'push again; the archive is as they left it',
  });
}

function fetcherOf(open: (digest: Digest) => Promise<ArchiveFile | undefined>): Fetcher {
  return {
    fetch: async ({ digest }) => {
      const file = await open(digest);
      if (file === undefined) throw failure('ARCHIVE_BLOB_NOT_FOUND', `content "${digest}" was not pushed`, { digest });
      return { offset: 0, body: contentOf(file), [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
    },
  };
}

interface DockerImage {
  readonly target: Descriptor;
  readonly names: readonly string[];
}

/** An image of before that has lost its last name goes. */
function dockerImages(before: ImageArchive | undefined, target: Descriptor, reference: string | undefined): DockerImage[] {
  const names = dockerNames(reference);
  const kept = (before?.images ?? []).map((image) => ({
    target: image.target,
    names: image.names.map((name) => wholeName(name, 'docker')).filter((name) => name !== undefined && !names.includes(name)),
  })) as DockerImage[];
  return [
    ...kept.filter((image, at) => image.names.length > 0 || (before?.images[at]?.names.length === 0 && names.length > 0)),
    { target, names },
  ];
}

function dockerNames(reference: string | undefined): string[] {
  const name = reference === undefined ? undefined : wholeName(reference, 'docker');
  if (reference !== undefined && (name === undefined || name.includes('@')))
    throw failure('ARCHIVE_IMAGE_UNFIT', `image called ${JSON.stringify(reference)} cannot be in a docker-archive`, {
      hint: 'its names are those of images with a tag: docker-archive:FILE:NAME:TAG',
    });
  return name === undefined ? [] : [name];
}
