import { hasCode } from '@slipway/plugin-api';
import { lockPath, type PathLock } from '../locks.js';

/** One that its last user removes. */
export interface SharedFolder {
  readonly path: string;
  make(): void;
}

/** Nobody else changes it meanwhile. Undefined when it is not there, and is not to be made. */
export async function lockFolder(folder: SharedFolder, isMade: true): Promise<PathLock>;
export async function lockFolder(folder: SharedFolder, isMade: boolean): Promise<PathLock | undefined>;
export async function lockFolder(folder: SharedFolder, isMade: boolean): Promise<PathLock | undefined> {
  for (;;) {
    if (isMade) folder.make();
    try {
      const lock = await lockPath(folder.path, 'exclusive');
      // The one who had it last may have removed what is in it.
      if (isMade) folder.make();
      return lock;
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      if (!isMade) return undefined;
    }
  }
}
