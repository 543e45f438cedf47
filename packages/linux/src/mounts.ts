import { closeSync } from 'node:fs';
import { type BindMount, type GenericMount, type Mount, type OverlayMount, SlipwayError } from '@slipway/plugin-api';
import { AT_RECURSIVE, setAttributes } from './attach.js';
import { mountBlock } from './block.js';
import { cString } from './bytes.js';
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC } from './constants.js';
import { mountErofs } from './erofs.js';
import { checked, systemError } from './errors.js';
import { FsContext } from './fs-context.js';
import { mountLayers } from './layers.js';
import { libc } from './libc.js';
import { defaultWords, MOUNT_ATTR_RDONLY, mountAttributes, OPEN_TREE_CLONE, superblockWords } from './mount-flags.js';
import { mountOverlay } from './overlay.js';
import type { CloneTreeOptions } from './system.js';

const CLONE_NEWNS = 0x20000;
const MS_REC = 0x4000;
const MS_PRIVATE = 0x40000;
const MS_SLAVE = 0x80000;
const EINVAL = 22;

export function mountDetached(mounts: readonly Mount[], options: { readonly readOnly?: boolean } = {}): number {
  // A mount over another one's root covers it wholly, and mounts name what they need by paths of the host: of a stack
  // only the last is ever seen. The others are still made, so that what cannot be mounted is an error.
  let top: number | undefined;
  for (const mount of mounts) {
    if (top !== undefined) closeSync(top);
    top = undefined;
    top = mountOne(mount, options.readOnly ?? false);
  }
  if (top === undefined) throw systemError(EINVAL, 'mount', undefined, undefined, 'a tree needs at least one mount');
  return top;
}

function mountOne(mount: Mount, readOnly: boolean): number {
  switch (mount.kind) {
    case 'bind':
      return mountBind(readOnly ? { ...mount, readOnly } : mount);
    case 'overlay':
      return mountDirectories(mount, readOnly);
    case 'layers':
      return mountLayers(mount, readOnly);
    case 'erofs':
      return mountErofs(mount);
    case 'block':
      return mountBlock(readOnly ? { ...mount, readOnly } : mount);
    case 'generic':
      return mountGeneric(readOnly ? { ...mount, flags: [...mount.flags, 'ro'] } : mount);
    default:
      throw new SlipwayError({
        kind: 'invalid-argument',
        code: 'MOUNT_KIND_UNKNOWN',
        message: `mount of kind "${String((mount as { readonly kind: unknown }).kind)}" is not known, expected bind, overlay, layers, erofs, block or generic`,
      });
  }
}

function mountDirectories(mount: OverlayMount, readOnly: boolean): number {
  const { upper, work } = mount;
  const writable = upper !== undefined && work !== undefined && !readOnly;
  const lower = !writable && upper !== undefined ? [upper, ...mount.lower] : mount.lower;
  if (writable) return mountOverlay({ kind: 'overlay', lower, upper, work });
  // overlayfs refuses one single layer that is read-only.
  const [only, ...more] = lower;
  if (only !== undefined && more.length === 0) return mountBind({ kind: 'bind', source: only, readOnly: true });
  return mountOverlay({ kind: 'overlay', lower });
}

function mountBind(mount: BindMount): number {
  const { source } = mount;
  const fd = checked(libc().openTree(AT_FDCWD, cString(source), OPEN_TREE_CLONE | O_CLOEXEC), 'open_tree', source);
  try {
    // Private, because the copy would otherwise be a peer of the source: whatever is later mounted inside it, in whichever
    // namespace, would show on the host as well.
    setAttributes(fd, mount.readOnly ? MOUNT_ATTR_RDONLY : 0, MS_PRIVATE, source);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** A copy of a shared mount is its peer, and a copy of a private one is private: `shared` is left as it comes. */
const propagationBits: Readonly<Record<CloneTreeOptions['propagation'], number>> = {
  private: MS_PRIVATE,
  slave: MS_SLAVE,
  shared: 0,
};

export function cloneTree(fd: number, { recursive, readOnly, propagation }: CloneTreeOptions): number {
  const depth = recursive ? AT_RECURSIVE : 0;
  const tree = checked(
    libc().openTree(fd, cString(''), OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH | depth),
    'open_tree',
    `/proc/self/fd/${fd}`,
  );
  try {
    setAttributes(tree, readOnly ? MOUNT_ATTR_RDONLY : 0, propagationBits[propagation], `/proc/self/fd/${fd}`, depth);
    return tree;
  } catch (error) {
    closeSync(tree);
    throw error;
  }
}

function mountGeneric(mount: GenericMount): number {
  using context = new FsContext(mount.fstype, mount.source);
  let attributes = 0;
  for (const word of mount.flags) {
    const attribute = mountAttributes[word];
    if (attribute !== undefined) attributes |= attribute;
    else if (superblockWords.has(word)) context.flag(word);
    else if (!defaultWords.has(word))
      throw systemError(EINVAL, 'mount', mount.source, undefined, `unknown option word "${word}"`);
  }
  for (const [key, value] of Object.entries(mount.data)) {
    if (value === '') context.flag(key);
    else context.set(key, value);
  }
  return context.mount(attributes);
}

export function unshareMounts(): void {
  checked(libc().unshare(CLONE_NEWNS), 'unshare');
  const none = cString('none');
  checked(libc().mount(none, cString('/'), null, MS_REC | MS_SLAVE, null), 'mount', '/');
}
