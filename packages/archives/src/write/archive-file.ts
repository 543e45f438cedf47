import { constants } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { hasCode, wrapError } from '@slipway/plugin-api';
import { archiveError } from '../errors.js';
import { newFile, syncFolder } from './new-file.js';
import { type ByteSink, deviceSink, fileSink } from './sinks.js';

/**
 * Makes or replaces a file in one step: until `write` has succeeded there is nothing new to be seen. A device or pipe is written to as it is.
 */
export async function writeArchiveFile(target: string, write: (sink: ByteSink) => Promise<void>): Promise<void> {
  const what = `write archive ${JSON.stringify(target)}`;
  try {
    const found = await kindOf(target);
    if (found === 'folder')
      throw archiveError('ARCHIVE_IMAGE_UNFIT', `${what}: it is a folder`, { hint: 'name a file in it, or use the format oci' });
    if (found === 'other') return await writeThrough(target, write);
    // What a symbolic link leads to is replaced, not the link.
    const place = found === 'file' ? await realpath(target) : path.resolve(target);
    const folder = path.dirname(place);
    await using written = await newFile(folder, `.${path.basename(place)}.slipway-`);
    await write(fileSink(written.file));
    await written.moveTo(place);
    await syncFolder(folder);
  } catch (error) {
    throw wrapError(what, error);
  }
}

async function writeThrough(target: string, write: (sink: ByteSink) => Promise<void>): Promise<void> {
  const file = await open(target, constants.O_WRONLY);
  try {
    await write(deviceSink(file));
  } finally {
    await file.close();
  }
}

async function kindOf(target: string): Promise<'none' | 'file' | 'folder' | 'other'> {
  try {
    const found = await stat(target);
    return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'none';
    throw error;
  }
}
