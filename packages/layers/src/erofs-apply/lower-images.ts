import type { ErofsMount, LayerTree } from '@slipway/plugin-api';
import { openErofsImage } from '../erofs/read/open-image.js';
import type { ErofsImage } from '../erofs/types.js';
import { OpenFiles, tarOf } from './image-file.js';
import { ImagePart } from './image-part.js';

/** EROFS images that are read without being mounted, until this is disposed of. */
export class LowerImages implements Disposable {
  readonly #files = new OpenFiles();

  /** The root of an image. */
  open(tree: LayerTree): ImagePart {
    const image = readImage(tree, this.#files);
    return new ImagePart(image, image.root);
  }

  [Symbol.dispose](): void {
    this.#files[Symbol.dispose]();
  }
}

function readImage({ path, devices }: LayerTree, files: OpenFiles): ErofsImage {
  const fd = files.read(path);
  const image = openErofsImage(fd, { name: path });
  if (image.form === 'flat') return image;
  return openErofsImage(fd, { name: path, devices: (devices ?? [tarOf(path)]).map((device) => files.read(device)) });
}

/** How to mount an image, also one of which only the place is known. */
export function imageMount({ path, devices }: LayerTree): ErofsMount {
  if (devices !== undefined) return { kind: 'erofs', source: path, devices };
  using files = new OpenFiles();
  const { form } = openErofsImage(files.read(path), { name: path });
  return { kind: 'erofs', source: path, ...(form === 'tar-index' ? { devices: [tarOf(path)] } : {}) };
}
