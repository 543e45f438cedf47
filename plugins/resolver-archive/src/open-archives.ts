import { stat } from 'node:fs/promises';
import { type ImageArchive, openArchive } from '@slipway/archives';
import { canceled, hasCode, throwIfAborted, wrapError } from '@slipway/plugin-api';
import { type ArchiveName, schemes } from './archive-name.js';
import { identityOfFile } from './file-identity.js';
import { failure } from './find-image.js';

/** An archive in use. Disposing gives it back; idempotent. */
export interface UsedArchive extends AsyncDisposable {
  readonly archive: ImageArchive;
}

interface Opened {
  readonly identity: string;
  readonly archive: Promise<ImageArchive>;
  /** Ends the opening when nobody waits for it any more. */
  readonly abort: AbortController;
  users: number;
}

/** Files that are kept open without a user. */
const maxIdle = 4;

/**
 * Files stay open after use: to find what is in one, all its headers are read, and a compressed one is unpacked to disk. One that has changed
 * since is opened again. A folder is looked into anew each time.
 */
export class OpenArchives implements AsyncDisposable {
  readonly #spoolFolder: string;
  readonly #files = new Map<string, Opened>();
  readonly #closing = new AbortController();

  constructor(spoolFolder: string) {
    this.#spoolFolder = spoolFolder;
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  async use(name: ArchiveName, signal: AbortSignal | undefined): Promise<UsedArchive> {
    const what = `open ${JSON.stringify(name.text)}`;
    throwIfAborted(what, this.#closing.signal);
    throwIfAborted(what, signal);
    const identity = await identityOf(name);
    if (schemes[name.scheme].place === 'folder') return owned(await this.#open(name, this.#closing.signal));
    const opened = await this.#opened(name, identity);
    opened.users++;
    let isUsed = true;
    const giveBack = async (): Promise<void> => {
      if (!isUsed) return;
      isUsed = false;
      opened.users--;
      await this.#tidy();
    };
    try {
      return { archive: await unlessAborted(what, opened.archive, signal), [Symbol.asyncDispose]: giveBack };
    } catch (error) {
      await giveBack();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(canceled('use of archives'));
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.all(files.map(close));
  }

  async #opened(name: ArchiveName, identity: string): Promise<Opened> {
    const key = `${name.scheme}:${name.path}`;
    const known = this.#files.get(key);
    if (known?.identity === identity) return known;
    const abort = new AbortController();
    const archive = this.#open(name, AbortSignal.any([abort.signal, this.#closing.signal]));
    // Who waits for it sees the error.
    archive.catch(() => this.#files.get(key)?.archive === archive && this.#files.delete(key));
    const opened = { identity, archive, abort, users: 0 };
    this.#files.set(key, opened);
    if (known !== undefined) this.#replaced.add(known);
    return opened;
  }

  /** Of files that have changed since: closed after their last use. */
  readonly #replaced = new Set<Opened>();

  async #tidy(): Promise<void> {
    for (const opened of this.#replaced) {
      if (opened.users > 0) continue;
      this.#replaced.delete(opened);
      await close(opened);
    }
    const idle = [...this.#files].filter(([, { users }]) => users === 0);
    for (const [key, opened] of idle) {
      const isOpen = await Promise.race([opened.archive.then(() => true), false]).catch(() => false);
      if (isOpen && idle.length <= maxIdle) continue;
      if (opened.users > 0 || this.#files.get(key) !== opened) continue;
      this.#files.delete(key);
      await close(opened);
    }
  }

  #open({ scheme, path }: ArchiveName, signal: AbortSignal): Promise<ImageArchive> {
    return openArchive(path, { spoolFolder: this.#spoolFolder, kind: schemes[scheme].kind, signal });
  }
}

async function close({ archive, abort }: Opened): Promise<void> {
  abort.abort();
  const open = await archive.catch(() => undefined);
  await open?.[Symbol.asyncDispose]();
}

function owned(archive: ImageArchive): UsedArchive {
  let isOpen = true;
  return {
    archive,
    [Symbol.asyncDispose]: async () => {
      if (isOpen) await archive[Symbol.asyncDispose]();
      isOpen = false;
    },
  };
}

/** Of the file that the path leads to now. Errors: `not-found`, `ARCHIVE_FORMAT_UNKNOWN` when it is a folder and should be a file, or the reverse. */
async function identityOf({ scheme, path, text }: ArchiveName): Promise<string> {
  const { place } = schemes[scheme];
  try {
    const found = await stat(path, { bigint: true });
    if (found.isDirectory() !== (place === 'folder')) {
      const isFolder = found.isDirectory();
      throw failure(
        'ARCHIVE_FORMAT_UNKNOWN',
        `${JSON.stringify(path)} is ${isFolder ? 'a folder' : 'no folder'}, ${scheme}: is for ${isFolder ? 'files' : 'folders'}`,
        {
          hint: isFolder
            ? 'an OCI image layout in a folder is named oci:DIRECTORY'
            : 'files are named oci-archive:FILE and docker-archive:FILE',
        },
      );
    }
    return identityOfFile(found);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw wrapError(`open ${JSON.stringify(path)}`, error);
    const [, after] = /^[^/]*:([^/:]+)$/.exec(text.replace(path, path.slice(path.lastIndexOf('/') + 1))) ?? [];
    throw failure(
      'ARCHIVE_NOT_FOUND',
      `there is no ${place} ${JSON.stringify(path)}, which the name ${JSON.stringify(text)} leads to`,
      {
        hint: `an image of a registry that is called ${scheme} has the name docker.io/library/${scheme}:${after ?? 'latest'}`,
        path,
      },
    );
  }
}

/** Its work goes on for others that wait for it. */
export async function unlessAborted<T>(what: string, work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  throwIfAborted(what, signal);
  const waiting = new AbortController();
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(canceled(what, signal)), { once: true, signal: waiting.signal });
      }),
    ]);
  } finally {
    waiting.abort();
  }
}
