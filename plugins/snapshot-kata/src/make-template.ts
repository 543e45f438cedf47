import { execFile } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { linux, upperForm } from '@slipway/linux';
import { SlipwayError } from '@slipway/plugin-api';
import { inodePlace } from './ext4.js';
import { mkfsFailed, programPath, type Template, type TemplatePart } from './template.js';

const mebibyte = 1 << 20;
const { blockBytes, inodeSize, mkfsOptions } = upperForm;
const bytesPerInode = 16_384;
/** All of the metadata at the front and no copies of it: less to write for each. Nothing left for the kernel to write zeros to later. */
const layout = 'packed_meta_blocks=1,num_backup_sb=0,lazy_itable_init=0,lazy_journal_init=0';
/** The first inode is that of lost+found. */
const seedInodes = [12, 13];

/** Makes a file system of so many bytes, with the folders `upper` and `work`, in an empty folder. */
export async function makeTemplate(folder: string, bytes: number): Promise<Template> {
  const seed = join(folder, 'seed');
  mkdirSync(seed);
  for (const [name, mode] of [
    ['upper', upperMode],
    ['work', 0o700],
  ] as const) {
    mkdirSync(join(seed, name));
    chmodSync(join(seed, name), mode);
  }
  const image = join(folder, 'image');
  writeFileSync(image, '', { mode: 0o600 });
  truncateSync(image, bytes);
  const options = ['-q', ...mkfsOptions, '-m', '0', '-i', `${bytesPerInode}`];
  const more = ['-J', `size=${journalMebibytes(bytes)}`, '-E', layout, '-d', seed, image];
  try {
    // The host's own settings for mkfs would add features that the guest's kernel may not know.
    await promisify(execFile)('mkfs.ext4', [...options, ...more], {
      env: { PATH: programPath, LC_ALL: 'C', MKE2FS_CONFIG: '/dev/null' },
    });
  } catch (error) {
    throw mkfsFailed(error);
  }
  const fd = openSync(image, 'r');
  try {
    return { bytes, upperInodeAt: upperInode(fd), parts: readParts(fd, bytes) };
  } finally {
    closeSync(fd);
  }
}

const upperMode = 0o755;

function journalMebibytes(bytes: number): number {
  if (bytes < 512 * mebibyte) return 4;
  return bytes < 4096 * mebibyte ? 16 : 32;
}

/** The two folders have numbers in the order in which mkfs met them. */
function upperInode(fd: number): number {
  const directory = 0o040000;
  for (const number of seedInodes) {
    const at = inodePlace(fd, { number, blockBytes, inodeSize });
    const mode = Buffer.alloc(2);
    readSync(fd, mode, 0, mode.length, at);
    if (mode.readUInt16LE() === (directory | upperMode)) return at;
  }
  throw new SlipwayError({
    kind: 'internal',
    code: 'MKFS_UNEXPECTED',
    message: 'mkfs.ext4 made a file system whose folder "upper" is not where it was expected',
    hint: 'set upper = "directory" in [plugin.snapshot-kata]',
  });
}

/** Blocks that are not zero, with those beside them. */
function readParts(fd: number, bytes: number): TemplatePart[] {
  const parts: { at: number; blocks: Buffer[] }[] = [];
  let last = -1;
  for (const { start, end } of linux.dataRanges(fd, bytes)) {
    for (let at = start - (start % blockBytes); at < end; at += blockBytes) {
      const block = Buffer.alloc(blockBytes);
      readSync(fd, block, 0, block.length, at);
      if (block.every((byte) => byte === 0)) continue;
      if (at === last + blockBytes) parts.at(-1)?.blocks.push(block);
      else parts.push({ at, blocks: [block] });
      last = at;
    }
  }
  return parts.map(({ at, blocks }) => ({ at, data: Buffer.concat(blocks) }));
}
