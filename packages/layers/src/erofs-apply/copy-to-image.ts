import type { ByteString } from '../bytes.js';
import type { ErofsImageWriter, ErofsInode, ErofsNid } from '../erofs/types.js';
import type { ImagePart } from './image-part.js';

export interface ImageCopy {
  readonly image: ErofsImageWriter;
  readonly checkpoint: () => void;
}

const chunkBytes = 1 << 20;

/** Brings something that is no directory from one image into another, holes as holes. */
export function copyToImage(
  copy: ImageCopy,
  parent: ErofsInode,
  name: ByteString,
  from: ImagePart,
  sourceName: ByteString,
): void {
  const nid = from.nidOf(sourceName);
  const stat = from.image.stat(nid);
  const attributes = { ...stat, xattrs: from.readXattrs(sourceName) };
  const { type, major, minor } = stat;
  const { image } = copy;
  switch (type) {
    case 'file':
      image.beginFile(stat.size);
      copyContent(copy, from, nid);
      image.makeFile(parent, name, attributes, image.endFile());
      break;
    case 'symlink':
      image.makeSymlink(parent, name, attributes, from.image.readLink(nid));
      break;
    case 'fifo':
    case 'character':
    case 'block':
      image.makeSpecial(parent, name, attributes, { type, major, minor });
      break;
    default:
      throw new Error(`a ${type} of an image cannot be linked to`);
  }
}

function copyContent({ image, checkpoint }: ImageCopy, from: ImagePart, nid: ErofsNid): void {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (const { position, size } of from.image.extents(nid)) {
    for (let done = 0; done < size; ) {
      checkpoint();
      const bytes = from.image.read(nid, buffer.subarray(0, Math.min(buffer.length, size - done)), position + done);
      image.writeFile(buffer, 0, bytes, position + done);
      done += bytes;
    }
  }
}
