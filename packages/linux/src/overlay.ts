import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OverlayMount, SlipwayError } from '@slipway/plugin-api';
import { cString } from './bytes.js';
import { AT_FDCWD, O_CLOEXEC } from './constants.js';
import { Descriptors } from './descriptors.js';
import { checked } from './errors.js';
import { FsContext } from './fs-context.js';
import { libc } from './libc.js';
import { MOUNT_ATTR_RDONLY, OPEN_TREE_CLONE } from './mount-flags.js';

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const pageSize = 4096;
/** OVL_MAX_STACK of the kernel. */
const maxLayers = 500;

/**
 * An upper directory becomes a layer that is read by itself, copied and shared between mounts. So file bodies must not stay
 * in a lower layer (metacopy), directories not be found by a redirect to their old name (redirect_dir), nor an upper be
 * bound to the one set of lowers it was first mounted with (index), whatever the host's module parameters say. Where the marks of
 * the first two are all the same, a guest of a virtual machine has made them: they are not heeded, also by who only reads.
 */
const readOptions = { metacopy: 'off', redirect_dir: 'nofollow' } as const;
const upperOptions = { index: 'off', ...readOptions } as const;

/** An overlay of at least two layers, attached nowhere. */
export function mountOverlay(mount: OverlayMount): number {
  using descriptors = new Descriptors();
  appending ??= canAppend();
  return appending ? mountByAppending(mount, descriptors) : mountByString(mount, descriptors);
}

function tooManyLayers(layers: number, message: string, newer: string): SlipwayError {
  return new SlipwayError({
    kind: 'resource-exhausted',
    code: 'OVERLAY_TOO_MANY_LAYERS',
    message,
    hint: `use ${newer}the snapshotter "native"`,
    details: { layers },
  });
}

let appending: boolean | undefined;

/**
 * Whether the kernel knows `lowerdir+` (6.7). One that does looks the directory up at once; 6.5 answers EINVAL, and before
 * that any option is taken until the file system is made.
 */
function canAppend(): boolean {
  using context = new FsContext('overlay');
  try {
    context.set('lowerdir+', '/proc/self/fd/none');
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT';
  }
}

function mountByAppending(mount: OverlayMount, descriptors: Descriptors): number {
  const { length } = mount.lower;
  if (length > maxLayers) throw tooManyLayers(length, `overlay has ${length} layers, overlayfs takes ${maxLayers}`, '');
  using context = new FsContext('overlay', 'overlay');
  for (const layer of mount.lower) context.set('lowerdir+', descriptors.nameOf(layer));
  const { upper, work } = mount;
  const isWritten = upper !== undefined && work !== undefined;
  for (const [key, value] of Object.entries(isWritten ? upperOptions : readOptions)) context.set(key, value);
  if (!isWritten) return context.mount(MOUNT_ATTR_RDONLY);
  context.set('upperdir', descriptors.nameOf(upper));
  context.set('workdir', descriptors.nameOf(work));
  return context.mount(0);
}

/**
 * For Linux before 6.7. fsconfig(2) takes 255 bytes for the whole list of layers, mount(2) a page, and mount(2) needs a
 * place to mount on: in a temporary directory that nobody else can enter, left at once. Layers are named by descriptor, which is short and has
 * nothing to escape.
 */
export function mountByString(mount: OverlayMount, descriptors: Descriptors): number {
  const options = [`lowerdir=${mount.lower.map((layer) => descriptors.open(layer)).join(':')}`];
  const { upper, work } = mount;
  const isWritten = upper !== undefined && work !== undefined;
  if (isWritten) options.push(`upperdir=${descriptors.open(upper)}`, `workdir=${descriptors.open(work)}`);
  options.push(...Object.entries(isWritten ? upperOptions : readOptions).map(([key, value]) => `${key}=${value}`));
  const data = cString(options.join(','));
  if (data.length > pageSize) {
    const { length } = mount.lower;
    const why = `overlay of ${length} layers takes ${data.length} bytes of mount options, this kernel reads ${pageSize}`;
    throw tooManyLayers(length, why, 'Linux 6.7 or newer, or ');
  }
  const folder = mkdtempSync(join(tmpdir(), 'slipway-overlay-'));
  // Not on the folder itself: the mode of what is mounted would be that of the place, and everybody could reach into it meanwhile.
  const place = join(folder, 'root');
  mkdirSync(place);
  try {
    const target = cString(place);
    const flags = isWritten ? 0 : MS_RDONLY;
    checked(libc().mount(cString('overlay'), target, cString('overlay'), flags, data), 'mount', place);
    try {
      return checked(libc().openTree(AT_FDCWD, target, OPEN_TREE_CLONE | O_CLOEXEC), 'open_tree', place);
    } finally {
      checked(libc().umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW), 'umount2', place);
    }
  } finally {
    rmdirSync(place);
    rmdirSync(folder);
  }
}

const MS_RDONLY = 1;
