import { closeSync, constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { maxManifestSize, parseDigest } from '@slipway/oci';
import { type Descriptor, type Digest, type Fetcher, hasCode, throwIfAborted, wrapError } from '@slipway/plugin-api';
import { archiveError } from '../errors.js';
import { parseJson, readSmall } from '../read/document.js';
import { type ArchiveFile, contentOf } from '../read/files.js';
import { FolderFiles } from '../read/folder-files.js';
import { blobName, indexFile, layoutFile, readLayoutIndex } from '../read/oci-layout.js';
import { spool } from '../spool.js';
import { withEntries } from './layout-names.js';
import { newFile } from './new-file.js';
import { indexDocument, layoutDocument } from './oci-archive.js';
import { verified } from './verified.js';

const mark = '.slipway-';

/**
 * A folder with an OCI image layout, to put images into. What is in it stays; an entry of the same name is replaced. Blobs are on disk before the
 * index that names them takes the place of the one before in one step. Nothing is written outside, wherever links in the folder lead.
 */
export class LayoutFolder implements AsyncDisposable {
  readonly #path: string;
  readonly #folder: FileHandle;
  readonly #files: FolderFiles;

  private constructor(path: string, folder: FileHandle, files: FolderFiles) {
    this.#path = path;
    this.#folder = folder;
    this.#files = files;
  }

  /** Makes the folder if need be. Errors: `ARCHIVE_FORMAT_UNKNOWN` when there is something else in it. */
  static async open(path: string, signal?: AbortSignal): Promise<LayoutFolder> {
    const what = `open image layout ${JSON.stringify(path)}`;
    try {
      await mkdir(path, { recursive: true });
      const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
      const layout = new LayoutFolder(path, folder, await FolderFiles.at(path));
      try {
        await layout.#begin(signal);
        return layout;
      } catch (error) {
        await layout[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      if (hasCode(error, 'EEXIST', 'ENOTDIR'))
        throw archiveError('ARCHIVE_FORMAT_UNKNOWN', `${what}: it is no folder`, { cause: error });
      throw wrapError(what, error);
    }
  }

  /** Its bytes are read: what lies there under a digest is whatever somebody has put there. */
  async has(descriptor: Descriptor, signal?: AbortSignal): Promise<boolean> {
    await using file = await this.open(descriptor.digest);
    if (file?.size !== descriptor.size) return false;
    const content = { offset: 0, body: contentOf(file), [Symbol.asyncDispose]: () => Promise.resolve() };
    try {
      for await (const _ of verified(descriptor, { fetch: () => Promise.resolve(content) }, signal));
      return true;
    } catch (error) {
      if (!hasCode(error, 'ARCHIVE_CONTENT_MISMATCH')) throw error;
      return false;
    }
  }

  /** Undefined when it is not there. */
  open(digest: Digest): Promise<ArchiveFile | undefined> {
    return this.#files.open(blobName(digest));
  }

  /** Errors: `ARCHIVE_CONTENT_MISMATCH`, `resource-exhausted`; nothing is left of it then. */
  async put(descriptor: Descriptor, source: Fetcher, signal?: AbortSignal, onProgress?: (bytes: number) => void): Promise<void> {
    const what = `write "${descriptor.digest}" into ${this.#files.what}`;
    try {
      await using written = await newFile(this.#inside(this.#folder.fd), mark);
      await spool(verified(descriptor, source, signal, onProgress), written.file, { what, limit: descriptor.size, signal });
      const folder = await this.#blobFolder(descriptor.digest);
      try {
        await written.moveTo(`${this.#inside(folder.fd)}/${parseDigest(descriptor.digest).encoded}`);
        await folder.sync();
      } finally {
        await folder.close();
      }
    } catch (error) {
      throw wrapError(what, error);
    }
  }

  /**
   * Adds entries to the index; what had one of their names before loses it. The bytes of all are on disk. Errors: `resource-exhausted` when nobody could read
   * the index any more.
   */
  async name(entries: readonly Descriptor[], signal?: AbortSignal): Promise<void> {
    try {
      using _lock = await this.#lock(signal);
      const bytes = await readSmall(this.#files, indexFile, maxManifestSize);
      const before = bytes === undefined ? [] : this.#entries(bytes);
      const index = indexDocument(withEntries(before, entries));
      await using written = await newFile(this.#inside(this.#folder.fd), mark);
      await written.file.writeFile(index);
      await written.moveTo(`${this.#inside(this.#folder.fd)}/${indexFile}`);
      await this.#folder.sync();
    } catch (error) {
      throw wrapError(`write the index of ${this.#files.what}`, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files[Symbol.asyncDispose]();
    await this.#folder.close();
  }

  /** An empty layout, where nothing is yet. */
  async #begin(signal: AbortSignal | undefined): Promise<void> {
    if ((await readSmall(this.#files, layoutFile, 4096)) !== undefined) return;
    using _lock = await this.#lock(signal);
    const names = (await readdir(this.#path)).filter((name) => name !== indexFile && !name.startsWith(mark));
    if ((await readSmall(this.#files, layoutFile, 4096)) !== undefined) return;
    if (names.length > 0)
      throw archiveError(
        'ARCHIVE_FORMAT_UNKNOWN',
        `folder ${JSON.stringify(this.#path)} is no OCI image layout, and it is not empty`,
        { hint: 'choose a new folder' },
      );
    for (const [name, content] of [
      [indexFile, indexDocument([])],
      [layoutFile, layoutDocument],
    ] as const) {
      await using written = await newFile(this.#inside(this.#folder.fd), mark);
      await written.file.writeFile(content);
      await written.moveTo(`${this.#inside(this.#folder.fd)}/${name}`);
    }
    await this.#folder.sync();
  }

  /** As they stand there, with what we do not know. */
  #entries(bytes: Buffer): readonly unknown[] {
    readLayoutIndex(this.#files, bytes);
    const index = parseJson(this.#files, indexFile, bytes) as { readonly manifests: readonly unknown[] };
    return index.manifests;
  }

  async #blobFolder(digest: Digest): Promise<FileHandle> {
    let at = '';
    for (const name of ['blobs', parseDigest(digest).algorithm]) {
      const parent = await this.#openFolder(at);
      try {
        await mkdir(`${this.#inside(parent.fd)}/${name}`).catch((error: unknown) => {
          if (!hasCode(error, 'EEXIST')) throw error;
        });
        await parent.sync();
      } finally {
        await parent.close();
      }
      at = at === '' ? name : `${at}/${name}`;
    }
    return this.#openFolder(at);
  }

  /** Resolved inside the layout. */
  async #openFolder(name: string): Promise<FileHandle> {
    const { O_RDONLY, O_DIRECTORY } = constants;
    const fd = linux.openInRoot(this.#folder.fd, name === '' ? '.' : name, O_RDONLY | O_DIRECTORY);
    try {
      return await open(this.#inside(fd), O_RDONLY | O_DIRECTORY);
    } finally {
      closeSync(fd);
    }
  }

  #inside(fd: number): string {
    return `/proc/self/fd/${fd}`;
  }

  /** Of all that change the index of this layout. */
  async #lock(signal: AbortSignal | undefined): Promise<Disposable> {
    const handle = await open(this.#inside(this.#folder.fd), constants.O_RDONLY | constants.O_DIRECTORY);
    const { fd } = handle;
    try {
      for (let wait = 5; !linux.tryFlock(fd, 'exclusive'); wait = Math.min(2 * wait, 200)) {
        throwIfAborted(`wait for ${this.#files.what}`, signal);
        await sleep(wait);
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    return { [Symbol.dispose]: () => void handle.close() };
  }
}
