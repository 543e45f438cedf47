import { contentOf, referrerOf } from '@slipway/archives';
import { parseDigest } from '@slipway/oci';
import {
  type Descriptor,
  type Digest,
  type FetchedContent,
  type Fetcher,
  type FetchOptions,
  type PluginDirs,
  type Pusher,
  type ReferrersOptions,
  type ResolvedName,
  type ResolveOptions,
  type Resolver,
  SlipwayError,
  step,
  throwIfAborted,
  tokens,
} from '@slipway/plugin-api';
import { inject, injectable } from 'tsyringe';
import { type ArchiveName, parseArchiveName, schemes } from './archive-name.js';
import { ArchivePusher } from './archive-pusher.js';
import { failure, findImage } from './find-image.js';
import { LayoutPusher } from './layout-pusher.js';
import { OpenArchives } from './open-archives.js';

/** Resolves names of images in OCI image layouts and docker-archives, reads their content, and makes such archives. */
@injectable()
export class ArchiveResolver implements Resolver, AsyncDisposable {
  readonly #archives: OpenArchives;
  readonly #spoolFolder: string;

  constructor(@inject(tokens.dirs) dirs: PluginDirs) {
    this.#spoolFolder = dirs.root;
    this.#archives = new OpenArchives(this.#spoolFolder);
  }

  async resolve(text: string, { signal }: ResolveOptions = {}): Promise<ResolvedName> {
    const name = parseArchiveName(text);
    await using used = await this.#archives.use(name, signal);
    const descriptor = await findImage(used.archive, name);
    step('resolve.resolved', { name: name.text, digest: descriptor.digest });
    return { name: name.text, descriptor };
  }

  fetcher(text: string): Fetcher {
    const name = parseArchiveName(text);
    return { fetch: (descriptor, options) => this.#fetch(name, descriptor, options) };
  }

  pusher(text: string): Pusher {
    const name = parseArchiveName(text);
    return schemes[name.scheme].place === 'folder'
      ? new LayoutPusher(name, this.#archives.closing)
      : new ArchivePusher(name, this.#spoolFolder, this.#archives);
  }

  /** Of what the index of the archive lists. A docker-archive has none. */
  async referrers(
    text: string,
    subject: Digest,
    { artifactType, signal }: ReferrersOptions = {},
  ): Promise<readonly Descriptor[]> {
    parseDigest(subject);
    await using used = await this.#archives.use(parseArchiveName(text), signal);
    const { archive } = used;
    const found = new Map<Digest, Descriptor>();
    for (const entry of archive.entries) {
      throwIfAborted(`referrers of "${subject}"`, signal);
      if (found.has(entry.digest)) continue;
      await using file = await archive.open(entry.digest);
      const referrer = file?.size === entry.size ? await referrerOf(entry, file) : undefined;
      if (referrer?.subject !== subject) continue;
      if (artifactType === undefined || referrer.descriptor.artifactType === artifactType)
        found.set(entry.digest, referrer.descriptor);
    }
    return [...found.values()];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#archives[Symbol.asyncDispose]();
  }

  async #fetch(name: ArchiveName, { digest, size }: Descriptor, options: FetchOptions = {}): Promise<FetchedContent> {
    const { offset = 0, signal } = options;
    parseDigest(digest);
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > size)
      throw new SlipwayError({
        kind: 'out-of-range',
        code: 'OFFSET_INVALID',
        message: `fetch of "${digest}": offset ${offset} is not between 0 and its size ${size}`,
      });
    const opened = new AsyncDisposableStack();
    try {
      const { archive } = opened.use(await this.#archives.use(name, signal));
      const file = opened.use(await archive.open(digest));
      if (file === undefined) throw failure('ARCHIVE_BLOB_NOT_FOUND', `${archive.what} has no content "${digest}"`, { digest });
      if (file.size !== size)
        throw failure('ARCHIVE_CONTENT_MISMATCH', `${archive.what}: "${digest}" has ${file.size} bytes, expected ${size}`, {
          digest,
        });
      return {
        offset,
        body: this.#body(opened, `fetch of "${digest}"`, contentOf(file, offset), signal),
        [Symbol.asyncDispose]: () => opened.disposeAsync(),
      };
    } catch (error) {
      await opened.disposeAsync();
      throw error;
    }
  }

  async *#body(
    opened: AsyncDisposableStack,
    what: string,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of content) {
        throwIfAborted(what, signal);
        throwIfAborted(what, this.#archives.closing);
        if (opened.disposed) return;
        yield chunk;
      }
    } finally {
      await opened.disposeAsync();
    }
  }
}
