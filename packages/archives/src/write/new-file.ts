import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';

/** A file beside its final place, locked for as long as it is written: what is found unlocked was left by a killed process. */
export interface NewFile extends AsyncDisposable {
  readonly file: FileHandle;
  /** On disk, and in one step what `target` names. */
  moveTo(target: string): Promise<void>;
}

/** @param mark what begins the names of such files in this folder; nothing else may begin so */
export async function newFile(folder: string, mark: string): Promise<NewFile> {
  await removeLeft(folder, mark);
  for (;;) {
    const name = path.join(folder, `${mark}${randomBytes(8).toString('hex')}`);
    const { O_RDWR, O_CREAT, O_EXCL } = constants;
    const file = await open(name, O_RDWR | O_CREAT | O_EXCL, 0o644);
    // In the moment before its lock another process may have taken it for left.
    if (!linux.tryFlock(file.fd, 'exclusive') || (await file.stat()).nlink !== 1) {
      await file.close();
      continue;
    }
    let isMoved = false;
    return {
      file,
      moveTo: async (target) => {
        await file.sync();
        await rename(name, target);
        isMoved = true;
      },
      [Symbol.asyncDispose]: async () => {
        if (!isMoved) await unlink(name).catch(() => undefined);
        await file.close();
      },
    };
  }
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeLeft(folder: string, mark: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(mark)) continue;
    try {
      const file = await open(path.join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        if (linux.tryFlock(file.fd, 'exclusive')) await unlink(path.join(folder, name));
      } finally {
        await file.close();
      }
    } catch (error) {
      // Gone in this moment, or none of ours.
      if (!hasCode(error, 'ENOENT', 'ELOOP')) throw error;
    }
  }
}
