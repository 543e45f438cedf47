import { readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import type { ByteString } from '../bytes.js';
import { DirectoryHandle, type HandleTable } from './handle.js';
import { hasCode } from './xattrs.js';

/** Removes whatever is under a name, with all below it; nothing there is no error. Symbolic links are not followed. */
export function removeTree(handles: HandleTable, parent: DirectoryHandle, name: ByteString, checkpoint: () => void): void {
  try {
    unlinkSync(handles.path(parent, name));
    return;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    if (!hasCode(error, 'EISDIR')) throw error;
  }
  checkpoint();
  const handle = new DirectoryHandle(parent, name);
  for (const child of readdirSync(handles.path(handle, '.'), 'latin1')) removeTree(handles, handle, child, checkpoint);
  handles.close(handle);
  rmdirSync(handles.path(parent, name));
}
