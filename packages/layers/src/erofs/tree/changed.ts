import { hasCode, wrapError } from '@slipway/plugin-api';
import { type ByteString, quote } from '../../bytes.js';
import { erofsError, erofsErrorAbout } from '../errors.js';

export function treeChanged(path: ByteString): Error {
  return erofsError(
    'EROFS_TREE_CHANGED',
    `image of ${quote(path)}: it changed while the image was made`,
    'stop or pause what writes to the tree, and try again',
  );
}

/** What system calls say of a name that was there, or was of another type, a moment ago; EAGAIN of a file that someone has a lease on. */
const changedCodes = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EAGAIN', 'ESTALE'];

/** An error about one path of a tree that an image is made of. */
export function inTree(path: ByteString, error: unknown): Error {
  const what = `image of ${quote(path)}`;
  return hasCode(error, ...changedCodes) ? treeChanged(path) : wrapError(what, erofsErrorAbout(what, error));
}
