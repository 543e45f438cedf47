import { closeSync, constants, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { hasCode } from '@slipway/plugin-api';
import * as v from 'valibot';
import { volumeDamaged } from './errors.js';

const texts = v.record(v.string(), v.string());

const schema = v.object({ version: v.literal(1), createdAt: v.string(), options: texts, labels: texts });

/** What `volume.json` says. */
export type VolumeRecord = Omit<v.InferOutput<typeof schema>, 'version'>;

/** Of a folder that is new; flushed. */
export function writeVolumeFile(file: string, record: VolumeRecord): void {
  const fd = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeFileSync(fd, `${JSON.stringify({ version: 1, ...record })}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Undefined when there is no such file, nor its folder. Errors: `data-loss` when it is not what was written. */
export function readVolumeFile(what: string, name: string, file: string): VolumeRecord | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const { version: _, ...record } = v.parse(schema, JSON.parse(text));
    return record;
  } catch (error) {
    throw volumeDamaged(what, name, file, error);
  }
}

/** What is named in a folder is there after a crash once the folder was flushed. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
