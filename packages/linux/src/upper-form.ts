import { closeSync, constants, openSync, readSync } from 'node:fs';
import { SlipwayError } from '@slipway/plugin-api';
import { O_CLOEXEC } from './constants.js';

/** Of all of them alike: what its guest could give it is not taken for a name of one of the host's file systems. */
const uuid = '6e0f3a54-7b1c-4d0e-9c55-51707761795f';
/** Every kernel that mounts EROFS has these. Without checksums of metadata, so that an inode can be written without a mount. */
const features = [
  ...['none', 'has_journal', 'ext_attr', 'dir_index', 'filetype', 'extent', '64bit', 'flex_bg', 'sparse_super2'],
  ...['large_file', 'huge_file', 'uninit_bg', 'dir_nlink', 'extra_isize'],
].join();

/**
 * The one form of an ext4 that is the `upper` of a `LayersMount`. Whoever makes one gives these options to mkfs.ext4, with MKE2FS_CONFIG=/dev/null (for which mkfs wants to be forced). What was made can be told from
 * what a guest has made of it since: {@link checkUpperForm}.
 */
export const upperForm = {
  blockBytes: 4096,
  inodeSize: 256,
  mkfsOptions: ['-F', '-t', 'ext4', '-b', '4096', '-I', '256', '-O', features, '-U', uuid],
} as const;

const superblockAt = 1024;

interface NumberField {
  readonly name: string;
  readonly at: number;
  readonly bytes: 2 | 4;
  readonly expected: readonly number[];
}

/** Offsets in the superblock (Linux' Documentation/filesystems/ext4). */
const numbers: readonly NumberField[] = [
  { name: 's_magic', at: 0x38, bytes: 2, expected: [0xef53] },
  { name: 's_log_block_size', at: 0x18, bytes: 4, expected: [2] },
  { name: 's_log_cluster_size', at: 0x1c, bytes: 4, expected: [2] },
  // To go on, or to be read only from then on; 3 is a panic of whoever has it mounted.
  { name: 's_errors', at: 0x3c, bytes: 2, expected: [1, 2] },
  { name: 's_creator_os', at: 0x48, bytes: 4, expected: [0] },
  { name: 's_rev_level', at: 0x4c, bytes: 4, expected: [1] },
  { name: 's_inode_size', at: 0x58, bytes: 2, expected: [upperForm.inodeSize] },
  { name: 's_feature_compat', at: 0x5c, bytes: 4, expected: [0x22c] },
  // The second: needs recovery.
  { name: 's_feature_incompat', at: 0x60, bytes: 4, expected: [0x2c2, 0x2c6] },
  { name: 's_feature_ro_compat', at: 0x64, bytes: 4, expected: [0x7a] },
  // A journal elsewhere would be a device of this host, which the kernel would open.
  { name: 's_journal_inum', at: 0xe0, bytes: 4, expected: [8] },
  { name: 's_journal_dev', at: 0xe4, bytes: 4, expected: [0] },
  { name: 's_default_mount_opts', at: 0x100, bytes: 4, expected: [0xc] },
];

const texts: readonly { readonly name: string; readonly at: number; readonly expected: Buffer }[] = [
  { name: 's_uuid', at: 0x68, expected: Buffer.from(uuid.replaceAll('-', ''), 'hex') },
  { name: 's_volume_name', at: 0x78, expected: Buffer.alloc(16) },
  { name: 's_journal_uuid', at: 0xd0, expected: Buffer.alloc(16) },
  // Options of mount(8), which the kernel would heed.
  { name: 's_mount_opts', at: 0x200, expected: Buffer.alloc(64) },
];

/**
 * Before an ext4 is mounted that a guest may have written to, byte for byte: its superblock must be as mkfs made it, but for what a kernel changes.
 * It is read from the device that is mounted afterwards. `file`: for the message. Errors: `failed-precondition` (IMAGE_FORGED).
 */
export function checkUpperForm(device: string, file: string): void {
  const block = Buffer.alloc(1024);
  const fd = openSync(device, constants.O_RDONLY | O_CLOEXEC);
  try {
    readSync(fd, block, 0, block.length, superblockAt);
  } finally {
    closeSync(fd);
  }
  for (const { name, at, bytes, expected } of numbers) {
    const found = block.readUIntLE(at, bytes);
    if (!expected.includes(found))
      throw forged(file, name, `0x${found.toString(16)}`, expected.map((each) => `0x${each.toString(16)}`).join(' or '));
  }
  for (const { name, at, expected } of texts) {
    const found = block.subarray(at, at + expected.length);
    if (!found.equals(expected)) throw forged(file, name, found.toString('hex'), expected.toString('hex'));
  }
}

function forged(file: string, field: string, found: string, expected: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'IMAGE_FORGED',
    message: `mount of ${JSON.stringify(file)}: ${field} in its superblock is ${found}, expected ${expected}: whoever had it as a disk, the guest of a virtual machine, has changed what no kernel changes`,
    hint: 'the host mounts no such disk: look into it by slipway start and exec in its own virtual machine, or remove the container',
    details: { file, field, found, expected },
  });
}
