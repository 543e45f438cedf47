import { closeSync } from 'node:fs';
import { linux } from '@slipway/linux';
import type { LayerTree } from '@slipway/plugin-api';

/** A layer as a directory, until it is disposed of: one that is an image is mounted, attached to nowhere. */
export function layerDirectory({ format, path, devices = [] }: LayerTree): Disposable & { readonly path: string } {
  if (format !== 'erofs') return { path, [Symbol.dispose]: () => {} };
  const fd = linux.mountDetached([{ kind: 'erofs', source: path, devices }]);
  return { path: `/proc/self/fd/${fd}/.`, [Symbol.dispose]: () => closeSync(fd) };
}
