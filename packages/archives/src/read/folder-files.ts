import { close as closeFd, constants, fstat as fstatFd, read as readFd } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { linux } from '@slipway/linux';
import { hasCode, wrapError } from '@slipway/plugin-api';
import { archiveError } from '../errors.js';
import type { ArchiveFile, ArchiveFiles } from './files.js';

const close = promisify(closeFd);
const fstat = promisify(fstatFd);

/** An OCI image layout in a folder. Every name is resolved inside it, symbolic links included, and only regular files are read. */
export class FolderFiles implements ArchiveFiles {
  readonly what: string;
  readonly #folder: FileHandle;

  private constructor(what: string, folder: FileHandle) {
    this.what = what;
    this.#folder = folder;
  }

  static async at(path: string): Promise<FolderFiles> {
    const what = `image layout ${JSON.stringify(path)}`;
    try {
      return new FolderFiles(what, await open(path, constants.O_RDONLY | constants.O_DIRECTORY));
    } catch (error) {
      throw wrapError(`open ${what}`, error);
    }
  }

  async open(name: string): Promise<ArchiveFile | undefined> {
    // A FIFO without a writer must not hold us up.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK;
    let fd: number;
    try {
      fd = linux.openInRoot(this.#folder.fd, name, flags);
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw wrapError(`open ${JSON.stringify(name)} of ${this.what}`, error);
    }
    try {
      const stat = await fstat(fd);
      if (!stat.isFile()) throw archiveError('ARCHIVE_INVALID', `${this.what}: ${JSON.stringify(name)} is no regular file`);
      return new OpenFile(fd, stat.size, `read ${JSON.stringify(name)} of ${this.what}`);
    } catch (error) {
      await close(fd);
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#folder.close();
  }
}

class OpenFile implements ArchiveFile {
  #fd: number | undefined;

  constructor(
    fd: number,
    readonly size: number,
    private readonly what: string,
  ) {
    this.#fd = fd;
  }

  async read(target: Buffer, position: number): Promise<number> {
    const fd = this.#fd ?? -1;
    let done = 0;
    while (done < target.length) {
      const bytes = await new Promise<number>((resolve, reject) => {
        readFd(fd, target, done, target.length - done, position + done, (error, count) =>
          error === null ? resolve(count) : reject(wrapError(this.what, error)),
        );
      });
      if (bytes === 0) break;
      done += bytes;
    }
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) await close(fd);
  }
}
