import { makedev } from '@slipway/linux';
import type { ByteString } from '../bytes.js';
import type { ErofsImage, ErofsNid } from '../erofs/types.js';
import { isOverlayMark, type Xattr } from '../tar/entry.js';
import type { BaseDirectory } from '../tree/base.js';
import { ImageStats } from './image-stats.js';

export const opaqueMark = 'trusted.overlay.opaque';

/** A directory of an EROFS image, which need not be mounted. */
export class ImagePart implements BaseDirectory {
  readonly form = 'overlay';
  readonly image: ErofsImage;
  readonly #nid: ErofsNid;
  /** A name is mostly asked about several times in a row. */
  #lastName: ByteString = '.';
  #lastNid: ErofsNid | undefined;

  constructor(image: ErofsImage, nid: ErofsNid) {
    this.image = image;
    this.#nid = nid;
    this.#lastNid = nid;
  }

  lookUp(name: ByteString): ImageStats | undefined {
    const nid = this.#find(name);
    if (nid === undefined) return undefined;
    const { image } = this;
    const stat = image.stat(nid);
    const storedBytes = (): number =>
      stat.type === 'file' ? image.extents(nid).reduce((sum, { size }) => sum + size, 0) : stat.size;
    return new ImageStats({ ...stat, device: makedev(stat.major, stat.minor), storedBytes });
  }

  enter(name: ByteString): ImagePart {
    return new ImagePart(this.image, this.nidOf(name));
  }

  isOpaque(name: ByteString): boolean {
    return this.image.xattr(this.nidOf(name), opaqueMark)?.toString('latin1') === 'y';
  }

  names(): ByteString[] {
    return this.image
      .entries(this.#nid)
      .map(({ name }) => name)
      .toArray();
  }

  readLink(name: ByteString): ByteString {
    return this.image.readLink(this.nidOf(name));
  }

  readXattrs(name: ByteString): Xattr[] {
    return this.image.xattrs(this.nidOf(name)).filter((xattr) => !isOverlayMark(xattr.name));
  }

  /** Of a name that was found. */
  nidOf(name: ByteString): ErofsNid {
    const nid = this.#find(name);
    if (nid === undefined) throw new Error(`a name has gone from an image that nobody writes to`);
    return nid;
  }

  #find(name: ByteString): ErofsNid | undefined {
    if (name === '.') return this.#nid;
    if (name !== this.#lastName) {
      this.#lastNid = this.image.lookUp(this.#nid, name)?.nid;
      this.#lastName = name;
    }
    return this.#lastNid;
  }
}
