import { type ErofsMount, SlipwayError } from '@slipway/plugin-api';
import { Descriptors } from './descriptors.js';
import { FsContext } from './fs-context.js';
import { openLoop } from './loop.js';
import { MOUNT_ATTR_RDONLY } from './mount-flags.js';

/** Straight from the file where the kernel can (6.12), else through loop devices. */
export function mountErofs(mount: ErofsMount): number {
  using names = new Descriptors();
  try {
    return mountFrom(mount.source, mount.devices, (file) => names.nameOf(file));
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENODEV') throw unsupported(mount, error);
    // It wants a block device.
    if (code !== 'ENOTBLK') throw error;
    return mountErofsByLoop(mount);
  }
}

/** For Linux before 6.12, and those built without CONFIG_EROFS_FS_BACKED_BY_FILE. */
export function mountErofsByLoop(mount: ErofsMount): number {
  using loops = new Descriptors();
  return mountFrom(mount.source, mount.devices, (file) => {
    const { fd, device } = openLoop(file, { readOnly: true });
    loops.hold(fd);
    return device;
  });
}

function mountFrom(source: string, devices: readonly string[] = [], nameOf: (file: string) => string): number {
  using context = new FsContext('erofs', nameOf(source));
  for (const device of devices) context.set('device', nameOf(device));
  // A block device would be opened to be written.
  context.flag('ro');
  return context.mount(MOUNT_ATTR_RDONLY);
}

function unsupported({ source }: ErofsMount, cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'EROFS_UNSUPPORTED',
    message: `mount of the EROFS image "${source}": this kernel has no EROFS`,
    hint: 'use a kernel with CONFIG_EROFS_FS (its module may be in a package of its own), or another snapshotter',
    cause,
    details: { source },
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
