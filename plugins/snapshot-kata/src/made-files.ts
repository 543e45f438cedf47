import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import { claimFolder, type FolderClaim, makeFolder } from '@slipway/snapshots';

const making = 'make-';

/** Files that are made once and used by all snapshots, in a folder of their own. Whole or not there. */
export class MadeFiles {
  readonly #folder: string;

  constructor(root: string) {
    this.#folder = join(root, 'made');
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  isThere(name: string): boolean {
    return existsSync(this.path(name));
  }

  /** `work` writes the file, and has an empty folder while it does. */
  async make<T>(name: string, work: (folder: string, file: FileHandle) => Promise<T>): Promise<T> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.cleanup();
    using place = this.#newFolder();
    try {
      const made = join(place.path, 'made');
      const result = await writeFlushed(made, (file) => work(place.path, file));
      renameSync(made, this.path(name));
      return result;
    } finally {
      rmSync(place.path, { recursive: true, force: true });
    }
  }

  /** Removes what processes that were killed while they made one have left. */
  cleanup(): void {
    if (!existsSync(this.#folder)) return;
    for (const name of readdirSync(this.#folder)) {
      if (!name.startsWith(making)) continue;
      using left = claimFolder(linux, join(this.#folder, name));
      if (left !== undefined) rmSync(left.path, { recursive: true, force: true });
    }
  }

  #newFolder(): FolderClaim {
    for (;;) {
      // Taken only when another process removed it as a left one just before it was locked.
      const folder = makeFolder(linux, join(this.#folder, `${making}${process.pid}-${process.hrtime.bigint()}`));
      if (folder !== undefined) return folder;
    }
  }
}

async function writeFlushed<T>(path: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  await using file = await open(path, 'wx', 0o600);
  const result = await write(file);
  await file.sync();
  return result;
}
