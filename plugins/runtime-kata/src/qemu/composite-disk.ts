import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import { partitionTable, sectorBytes } from './partition-table.js';

/** As many as a usual partition table has; the agent takes no higher number. */
const maxPartitions = 128;

/**
 * A disk with a partition for each part, the files of which follow each other, and stay where they are: a VMDK of flat extents, which are the head of a partition table, the files, and the table's
 * tail. A single part is the whole disk. Writes the small files of it to `folder` and answers with the path of the description. `nameOf` gives a file's name for QEMU.
 * Errors: `unimplemented` for more parts than a disk has partitions, `invalid-argument` for a file that is not of whole sectors.
 */
export function compositeDisk(
  parts: readonly (readonly string[])[],
  folder: string,
  serial: string,
  nameOf: (file: string) => string,
): string {
  if (parts.length > maxPartitions) throw tooMany(parts.length);
  const sized = parts.map((files) => files.map((file) => [file, sectorsOf(file)] as const));
  const inFolder = (suffix: string) => path.join(folder, `${serial}.${suffix}`);
  const written = (suffix: string, content: Buffer) => {
    writeFileSync(inFolder(suffix), content, { mode: 0o600 });
    return [inFolder(suffix), content.length / sectorBytes] as const;
  };
  try {
    const extents = sized.flat();
    if (parts.length > 1) {
      const { head, tail } = partitionTable(sized.map((files) => files.reduce((sum, [, sectors]) => sum + sectors, 0)));
      extents.unshift(written('head', head));
      extents.push(written('tail', tail));
    }
    // An empty line before the extents would make QEMU read the first of them twice.
    const lines = ['# Disk DescriptorFile', 'version=1', 'CID=fffffffe', 'parentCID=ffffffff', 'createType="twoGbMaxExtentFlat"'];
    for (const [file, sectors] of extents) lines.push(`RW ${sectors} FLAT "${nameOf(file)}" 0`);
    writeFileSync(inFolder('vmdk'), `${lines.join('\n')}\n`, { mode: 0o600 });
  } catch (error) {
    throw wrapError(`disk of ${parts.length} layers`, error);
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
