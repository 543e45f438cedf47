import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import { partitionTable, sectorBytes } from './partition-table.js';

/** As many as a usual partition table has; the agent takes no higher number. */
const maxPartitions = 128;

/**
 * A disk with a partition for each file, whose bytes stay where they are: a VMDK of flat extents, which are the head of a partition table, the files, and the table's tail. Writes the three small
 * files of it to `folder` and answers with the path of the description. `nameOf` gives a file's name for QEMU.
 * Errors: `unimplemented` for more files than a disk has partitions, `invalid-argument` for one that is not of whole sectors.
 */
export function compositeDisk(
  files: readonly string[],
  folder: string,
  serial: string,
  nameOf: (file: string) => string,
): string {
  if (files.length > maxPartitions) throw tooMany(files.length);
  const sizes = files.map(sectorsOf);
  const { head, tail } = partitionTable(sizes);
  const inFolder = (suffix: string) => path.join(folder, `${serial}.${suffix}`);
  try {
    writeFileSync(inFolder('head'), head, { mode: 0o600 });
    writeFileSync(inFolder('tail'), tail, { mode: 0o600 });
    const extents = [
      [inFolder('head'), head.length / sectorBytes] as const,
      ...files.map((file, index) => [file, sizes[index] ?? 0] as const),
      [inFolder('tail'), tail.length / sectorBytes] as const,
    ];
    // An empty line before the extents would make QEMU read the first of them twice.
    const lines = ['# Disk DescriptorFile', 'version=1', 'CID=fffffffe', 'parentCID=ffffffff', 'createType="twoGbMaxExtentFlat"'];
    for (const [file, sectors] of extents) lines.push(`RW ${sectors} FLAT "${nameOf(file)}" 0`);
    writeFileSync(inFolder('vmdk'), `${lines.join('\n')}\n`, { mode: 0o600 });
  } catch (error) {
    throw wrapError(`disk of ${files.length} layers`, error);
  }
  return inFolder('vmdk');
}

function sectorsOf(file: string): number {
  const { size } = statSync(file);
  if (size > 0 && size % 4096 === 0) return size / sectorBytes;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'LAYER_IMAGE_INVALID',
    message: `layer image ${JSON.stringify(file)} has ${size} bytes, expected a multiple of 4096`,
    hint: 'it is damaged: remove the image and pull it again',
  });
}

function tooMany(count: number): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'TOO_MANY_LAYERS',
    message: `the image has ${count} layers that would have to be on one disk, a disk has at most ${maxPartitions} partitions`,
    hint: 'raise disk_slots, or merge layers of the image',
  });
}
