import { mkdirSync } from 'node:fs';
import { hasCode } from '@slipway/plugin-api';
import { lockPath, type PathLock } from '../locks.js';

/** One that its last user removes. */
export interface SharedFolder {
  readonly path: string;
  /** Makes what is in it, where that is not there. Nobody else has it then. */
  fill(): void;
}

/** Nobody else changes it meanwhile. Undefined when it is not there, and is not to be made. */
export async function lockFolder(folder: SharedFolder, isMade: true): Promise<PathLock>;
export async function lockFolder(folder: SharedFolder, isMade: boolean): Promise<PathLock | undefined>;
export async function lockFolder(folder: SharedFolder, isMade: boolean): Promise<PathLock | undefined> {
  for (;;) {
    try {
      // Nothing in it: whoever has it may be removing it, which what comes into it would keep from ending.
      if (isMade) mkdirSync(folder.path, { recursive: true, mode: 0o700 });
      const lock = await lockPath(folder.path, 'exclusive');
      if (isMade) folder.fill();
      return lock;
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      if (!isMade) return undefined;
    }
  }
}
