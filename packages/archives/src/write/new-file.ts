import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { linux } from '@slipway/linux';

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

/** What cannot be removed is none of ours, or somebody else removes it in this moment. */
async function removeLeft(folder: string, mark: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(mark)) await removeUnlocked(path.join(folder, name)).catch(() => undefined);
  }
}

async function removeUnlocked(name: string): Promise<void> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    if (linux.tryFlock(file.fd, 'exclusive')) await unlink(name);
  } finally {
    await file.close();
  }
}
