import type { LinuxSystem, Path } from '@slipway/linux';
import { type ByteString, quote, toPath } from '../../bytes.js';
import { isOverlayMark, type Xattr } from '../../tar/entry.js';
import { isUnsupported } from '../../tree/xattrs.js';
import { erofsError } from '../errors.js';

const opaqueMark = 'trusted.overlay.opaque';
/** overlayfs' word that what is here is somewhere else, or hidden in another way than ours: this tree alone does not say what there is. */
const elsewhere: ReadonlySet<string> = new Set([
  'trusted.overlay.redirect',
  'trusted.overlay.metacopy',
  'trusted.overlay.whiteout',
]);
/** A label that the host's security module puts on every file: it says where the tree lies, not what it is. */
const hostLabel = 'security.selinux';

/** The extended attributes of something in an upper directory that belong in an image: of overlayfs' own only that a directory is opaque. */
export function readUpperXattrs(system: LinuxSystem, place: Path, path: ByteString): Xattr[] {
  const xattrs: Xattr[] = [];
  for (const bytes of listed(system, place)) {
    const name = bytes.toString('latin1');
    if (elsewhere.has(name))
      throw erofsError(
        'EROFS_CANNOT_HOLD',
        `image of ${quote(path)}: it has ${name}, which leads out of the tree`,
        'mount overlays with redirect_dir=off and metacopy=off',
      );
    if (name === hostLabel || (isOverlayMark(name) && name !== opaqueMark)) continue;
    const value = system.lgetxattr(place, toPath(name));
    if (value) xattrs.push({ name, value });
  }
  return xattrs;
}

function listed(system: LinuxSystem, place: Path): Buffer[] {
  try {
    return system.llistxattr(place);
  } catch (error) {
    if (isUnsupported(error)) return [];
    throw error;
  }
}
