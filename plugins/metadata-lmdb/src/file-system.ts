import { statfsSync } from 'node:fs';
import { SlipwayError } from '@slipway/plugin-api';

/**
 * lmdb maps its file into memory and locks by a mutex in a second mapped file: both hold only among processes of one
 * kernel. Magic numbers: statfs(2) and linux/magic.h. FUSE is refused as a whole: its maps are coherent only if the
 * server says so, and many serve the network.
 */
const sharedFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB2'],
  [0xff534d42, 'CIFS'],
  [0x01021997, '9p'],
  [0x65735546, 'FUSE'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'OpenAFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x786f4256, 'VirtualBox shared folder'],
]);

/** Errors: `failed-precondition` when `folder` is on a file system that other machines may share. */
export function requireLocalFileSystem(folder: string, type: number = statfsSync(folder).type): void {
  // The kernel's f_type is a signed word on some architectures.
  const name = sharedFileSystems.get(type >>> 0);
  if (name === undefined) return;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'METADATA_NOT_LOCAL',
    message: `open metadata in "${folder}": the folder is on ${name}, expected a local file system`,
    hint: 'choose a root on a local disk (root in config.toml, or --root)',
    details: { folder, fileSystem: name },
  });
}
