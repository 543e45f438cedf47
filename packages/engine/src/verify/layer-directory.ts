import { closeSync } from 'node:fs';
import { linux } from '@slipway/linux';
import { hasCode, type LayerTree } from '@slipway/plugin-api';

/** A layer as a directory, until it is disposed of: one that is an image is mounted, attached to nowhere. */
export function layerDirectory({ format, path, devices = [] }: LayerTree): Disposable & { readonly path: string } {
  if (format !== 'erofs') return { path, [Symbol.dispose]: () => {} };
  const fd = linux.mountDetached([{ kind: 'erofs', source: path, devices }]);
  return { path: `/proc/self/fd/${fd}/.`, [Symbol.dispose]: () => closeSync(fd) };
}

/** They say nothing of the image. */
const others = ['ABORT_ERR', 'ENOENT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EROFS_UNSUPPORTED'];

/** Of a damaged image the kernel says whatever it stumbles over: EUCLEAN, EINVAL, EOPNOTSUPP, ELOOP, ENAMETOOLONG. All of it is that it cannot be read. */
export function readingImage<T>(image: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (hasCode(error, ...others) || !(error instanceof Error)) throw error;
    throw Object.assign(new Error(`the image ${JSON.stringify(image)} cannot be read: ${error.message}`), { code: 'EIO' });
  }
}
