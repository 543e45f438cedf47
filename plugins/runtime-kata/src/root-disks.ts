import { statSync } from 'node:fs';
import { type ErofsMount, type LayersMount, type Mount, SlipwayError } from '@slipway/plugin-api';
import { checkCount, type LayerImage, layerDisk, verityOf, verityOptions } from './layer-image.js';
import type { Disk } from './machine-settings.js';

/** A file system that the agent mounts, in Kata's words. */
export interface GuestStorage {
  readonly driver: 'blk' | 'overlayfs' | 'virtio-fs';
  readonly source: string;
  readonly fstype: string;
  readonly options: readonly string[];
  readonly mountPoint: string;
}

export interface GuestRoot {
  readonly disks: readonly Disk[];
  /** In order. */
  readonly storages: readonly GuestStorage[];
  /** Where the container's root is in the guest. */
  readonly path: string;
}

/** One file, or one partition, of a disk. */
interface Layer {
  readonly source: string;
  readonly number: number;
  readonly image: LayerImage;
}

/** The folder of a container in the guest. */
export function guestFolder(id: string): string {
  return `/run/kata-containers/${id}`;
}

/**
 * How layers come into the guest: each a disk, and where those are more than `slots`, the lowest as partitions of one; over them, mounted in the guest, an overlay.
 * Errors: `unimplemented` for a root that only a host could mount.
 */
export function rootDisks(id: string, rootfs: readonly Mount[], slots: number): GuestRoot {
  const { lower, upper } = onlyLayers(id, rootfs);
  if (upper?.kind === 'directories')
    throw refused(id, 'changes in a directory of the host', 'set upper = "ext4" in [plugin.snapshot-kata]');
  const files = lower.map((layer) => layerImage(id, layer));
  checkCount(id, files);
  const upperDisks: Disk[] = upper === undefined ? [] : [{ serial: 'upper', files: [upper.source], readOnly: upper.readOnly }];
  const { disks, layers } = layerDisks(files, slots - upperDisks.length);
  const folder = guestFolder(id);
  const storages: GuestStorage[] = layers.map(({ source, number, image }) => ({
    driver: 'blk',
    source,
    fstype: 'erofs',
    options: ['ro', ...verityOptions(image)],
    mountPoint: `${folder}/layers/${number}`,
  }));
  if (upper !== undefined) {
    // Where the host's disk is full the journal cannot be written: pages that nothing can write back would hold up whoever writes, for ever and without a word.
    const options = upper.readOnly ? ['ro'] : ['discard', 'errors=panic'];
    storages.push({ driver: 'blk', source: diskPath('upper'), fstype: upper.fstype, options, mountPoint: `${folder}/upper` });
  }
  const lowerPaths = layers.map(({ number }) => `${folder}/layers/${number}`);
  const all = [...disks, ...upperDisks];
  const [single] = lowerPaths;
  // overlayfs takes neither no lower layer nor a single one without an upper.
  if (single === undefined) return { disks: all, storages, path: `${folder}/upper/upper` };
  if (lowerPaths.length === 1 && upper === undefined) return { disks: all, storages, path: single };
  const changes = upper === undefined ? [] : [`upperdir=${folder}/upper/upper`, `workdir=${folder}/upper/work`];
  const mountPoint = `${folder}/rootfs`;
  const options = [`lowerdir=${lowerPaths.join(':')}`, ...changes];
  storages.push({ driver: 'overlayfs', source: 'none', fstype: 'overlay', options, mountPoint });
  return { disks: all, storages, path: mountPoint };
}

function layerDisks(
  images: readonly LayerImage[],
  slots: number,
): { readonly disks: readonly Disk[]; readonly layers: readonly Layer[] } {
  const own = images.length <= slots ? images.length : slots - 1;
  const disks: Disk[] = [];
  const layers: Layer[] = [];
  for (const [number, image] of images.slice(0, own).entries()) {
    const serial = `l${number}`;
    disks.push(layerDisk(serial, [image]));
    layers.push({ source: diskPath(serial), number, image });
  }
  const shared = images.slice(own);
  if (shared.length === 0) return { disks, layers };
  const serial = 'layers';
  disks.push(layerDisk(serial, shared));
  // One alone has no partition table around it.
  for (const [index, image] of shared.entries()) {
    const source = shared.length === 1 ? diskPath(serial) : `${diskPath(serial)}-part${index + 1}`;
    layers.push({ source, number: own + index, image });
  }
  return { disks, layers };
}

function diskPath(serial: string): string {
  return `/dev/disk/by-id/virtio-${serial}`;
}

function onlyLayers(id: string, [first, ...more]: readonly Mount[]): LayersMount {
  if (first?.kind === 'layers' && more.length === 0) return first;
  throw refused(id, `a root of ${more.length + 1} mounts, the first of kind ${JSON.stringify(first?.kind ?? 'none')},`);
}

function layerImage(id: string, { source, devices = [], verity }: ErofsMount): LayerImage {
  // Their data would be in disks of their own, with blocks smaller than those of a disk.
  if (devices.length > 0)
    throw refused(
      id,
      `the layer ${JSON.stringify(source)}, whose data is in other files,`,
      'set format = "flat" in [plugin.differ-erofs], and unpack the image anew',
    );
  const status = statSync(source);
  if (!status.isFile()) throw refused(id, `the layer ${JSON.stringify(source)}, which is no file,`);
  return { file: source, verity: verity === undefined ? undefined : verityOf(id, source, status.size, verity) };
}

function refused(
  id: string,
  what: string,
  hint = 'use the snapshotter kata with the runtime kata: its layers are disks',
): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'MACHINE_ROOT_UNSUPPORTED',
    message: `container "${id}": ${what} cannot be given to a virtual machine`,
    hint,
    details: { id },
  });
}
