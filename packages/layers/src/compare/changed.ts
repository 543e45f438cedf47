import { hasCode } from '@slipway/plugin-api';
import { type ByteString, quote } from '../bytes.js';
import { layerError } from '../errors.js';

const changedHint = 'stop or pause what writes to the tree, and compare again';

export function treeChanged(path: ByteString): Error {
  return layerError('LAYER_TREE_CHANGED', `compare ${quote(path)}: it changed while it was compared`, { hint: changedHint });
}

/** What system calls say of a name that was there, or was of another type, a moment ago; EAGAIN of a file that someone has a lease on. */
const changedCodes = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EAGAIN', 'ESTALE'];

/** What is thrown because of a change meanwhile becomes the error that says so; all else stays what it is. */
export function inChangedTree(error: unknown): unknown {
  if (!(error instanceof Error) || !isChange(error)) return error;
  return layerError('LAYER_TREE_CHANGED', `compare trees: they changed while they were compared: ${error.message}`, {
    hint: changedHint,
    cause: error,
  });
}

function isChange(error: Error): boolean {
  if (hasCode(error, ...changedCodes)) return true;
  // What was a symbolic link is none any more.
  return hasCode(error, 'EINVAL') && 'syscall' in error && error.syscall === 'readlink';
}
