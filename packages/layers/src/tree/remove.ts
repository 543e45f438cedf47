import { randomBytes } from 'node:crypto';
import { readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { hasCode } from '@slipway/plugin-api';
import type { ByteString } from '../bytes.js';
import { DirectoryHandle, type HandleTable } from './handle.js';

/** Removes whatever is under a name, with all below it; nothing there is no error. Symbolic links are not followed. */
export function removeTree(handles: HandleTable, parent: DirectoryHandle, name: ByteString, checkpoint: () => void): void {
  if (removeUnlessDirectory(handles, parent, name)) return;
  const top = new DirectoryHandle(parent, name);
  const removal: Removal = { handles, top, checkpoint, moved: false };
  checkpoint();
  do {
    removal.moved = false;
    removeContent(removal, top, 1);
  } while (removal.moved);
  handles.close(top);
  rmdirSync(handles.path(parent, name));
}

interface Removal {
  readonly handles: HandleTable;
  readonly top: DirectoryHandle;
  readonly checkpoint: () => void;
  /** Something was moved to the top since its names were read. */
  moved: boolean;
}

/**
 * A chain of directories this long stays open in a {@link HandleTable}. What is deeper is moved up to the top first: a chain
 * that is longer than the table would be opened from its beginning again for each of its directories.
 */
const deepest = 64;

function removeContent(removal: Removal, directory: DirectoryHandle, depth: number): void {
  const { handles, top, checkpoint } = removal;
  for (const name of readdirSync(handles.path(directory, '.'), 'latin1')) {
    checkpoint();
    if (removeUnlessDirectory(handles, directory, name)) continue;
    if (depth === deepest) {
      const free = `removed-${randomBytes(16).toString('hex')}`;
      renameSync(handles.path(directory, name), handles.path(top, free));
      removal.moved = true;
      continue;
    }
    const child = new DirectoryHandle(directory, name);
    removeContent(removal, child, depth + 1);
    handles.close(child);
    rmdirSync(handles.path(directory, name));
  }
}

/** False when it is a directory, which is then still there. */
function removeUnlessDirectory(handles: HandleTable, parent: DirectoryHandle, name: ByteString): boolean {
  try {
    unlinkSync(handles.path(parent, name));
  } catch (error) {
    if (hasCode(error, 'EISDIR')) return false;
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  return true;
}
