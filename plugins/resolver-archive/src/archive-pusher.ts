import type { FileHandle } from 'node:fs/promises';
import {
  contentOf,
  namelessFile,
  readFully,
  referredEntry,
  spool,
  verified,
  wholeName,
  writeArchiveFile,
  writeDockerArchive,
  writeOciArchive,
} from '@slipway/archives';
import type { Descriptor, Digest, Fetcher, Pusher, PushOptions, PushOutcome, ResolveOptions } from '@slipway/plugin-api';
import { step, throwIfAborted, wrapError } from '@slipway/plugin-api';
import { type ArchiveName, schemes } from './archive-name.js';
import { failure } from './find-image.js';

interface Place {
  readonly descriptor: Descriptor;
  readonly position: number;
}

/**
 * Gathers content in a file without a name, and makes the archive of it at the end in one step: the same images are the same bytes, in whatever
 * order they came, and an archive of that name is whole, the one before or the new one.
 */
export class ArchivePusher implements Pusher {
  readonly #name: ArchiveName;
  readonly #spoolFolder: string;
  readonly #closing: AbortSignal;
  readonly #content = new Map<Digest, Promise<Place>>();
  #file: Promise<FileHandle> | undefined;
  #end = 0;

  constructor(name: ArchiveName, spoolFolder: string, closing: AbortSignal) {
    this.#name = name;
    this.#spoolFolder = spoolFolder;
    this.#closing = closing;
  }

  async push(descriptor: Descriptor, source: Fetcher, options: PushOptions = {}): Promise<PushOutcome> {
    const { digest } = descriptor;
    throwIfAborted(`push of "${digest}"`, options.signal);
    const known = this.#content.get(digest);
    if (known !== undefined) {
      await known;
      return 'exists';
    }
    const place = this.#take(descriptor, source, options);
    this.#content.set(digest, place);
    place.catch(() => this.#content.delete(digest));
    await place;
    step('archive.pushed', { name: this.#name.text, digest });
    return 'pushed';
  }

  async complete(target: Descriptor, { signal }: ResolveOptions = {}): Promise<void> {
    const { text, path, scheme, reference } = this.#name;
    const until = this.#until(signal);
    const places = await Promise.all(this.#content.values());
    const source = this.#source(places);
    await writeArchiveFile(path, (sink) => {
      if (schemes[scheme].kind === 'docker')
        return writeDockerArchive(sink, {
          images: [{ target, names: dockerNames(reference) }],
          source,
          spoolFolder: this.#spoolFolder,
          signal: until,
        });
      const content = places.map(({ descriptor }) => descriptor);
      return writeOciArchive(sink, { entries: [referredEntry(target, reference)], content, source, signal: until });
    });
    step('archive.named', { name: text, digest: target.digest });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#content.values());
    this.#content.clear();
    const file = await this.#file?.catch(() => undefined);
    this.#file = undefined;
    await file?.close();
  }

  /** Each has its own part of the file, so that several can come in at once. */
  async #take(descriptor: Descriptor, source: Fetcher, { signal, onProgress }: PushOptions): Promise<Place> {
    const { digest, size } = descriptor;
    const what = `push of "${digest}" to ${JSON.stringify(this.#name.text)}`;
    const position = this.#end;
    this.#end += size;
    try {
      this.#file ??= namelessFile(this.#spoolFolder);
      const until = this.#until(signal);
      await spool(verified(descriptor, source, until, onProgress), await this.#file, {
        what,
        limit: size,
        position,
        signal: until,
      });
      return { descriptor, position };
    } catch (error) {
      throw wrapError(what, error);
    }
  }

  #source(places: readonly Place[]): Fetcher {
    const byDigest = new Map(places.map((place) => [place.descriptor.digest, place]));
    return {
      fetch: async ({ digest }) => {
        const place = byDigest.get(digest);
        const file = await this.#file;
        if (place === undefined || file === undefined)
          throw failure('ARCHIVE_BLOB_NOT_FOUND', `content "${digest}" was not pushed`, { digest });
        const { position, descriptor } = place;
        const read = (target: Buffer, at: number): Promise<number> =>
          readFully(file, target.subarray(0, descriptor.size - at), position + at);
        return { offset: 0, body: contentOf({ size: descriptor.size, read }), [Symbol.asyncDispose]: () => Promise.resolve() };
      },
    };
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing : AbortSignal.any([signal, this.#closing]);
  }
}

function dockerNames(reference: string | undefined): string[] {
  const name = reference === undefined ? undefined : wholeName(reference, 'docker');
  if (reference !== undefined && (name === undefined || name.includes('@')))
    throw failure('ARCHIVE_IMAGE_UNFIT', `image called ${JSON.stringify(reference)} cannot be in a docker-archive`, {
      hint: 'its names are those of images with a tag: docker-archive:FILE:NAME:TAG',
    });
  return name === undefined ? [] : [name];
}
