import { constants, openSync } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { O_PATH } from '@slipway/linux';
import { hasCode, throwIfAborted, wrapError } from '@slipway/plugin-api';
import { archiveError } from '../errors.js';
import { newFile, syncFolder } from './new-file.js';
import { type ByteSink, deviceSink, fileSink, streamSink } from './sinks.js';

/** Until a pipe is opened again. */
const retryMs = 20;

/**
 * Makes or replaces a file in one step: until `write` has succeeded there is nothing new to be seen. A device or pipe is written to as it is; a pipe
 * without a reader, or with one that stops reading, is waited for until the signal aborts.
 */
export async function writeArchiveFile(
  target: string,
  write: (sink: ByteSink) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const what = `write archive ${JSON.stringify(target)}`;
  try {
    const { kind, place, mode } = await lookAt(target);
    if (kind === 'folder')
      throw archiveError('ARCHIVE_IMAGE_UNFIT', `${what}: it is a folder`, { hint: 'name a file in it, or use the format oci' });
    if (kind === 'pipe') return await writePipe(what, target, write, signal);
    if (kind === 'device') return await writeDevice(target, write);
    const folder = path.dirname(place);
    await using written = await newFile(folder, `.${path.basename(place)}.slipway-`);
    // What was there for some to read is not for all now.
    if (mode !== undefined) await written.file.chmod(mode);
    await write(fileSink(written.file));
    await written.moveTo(place);
    await syncFolder(folder);
  } catch (error) {
    throw wrapError(what, error);
  }
}

async function writeDevice(target: string, write: (sink: ByteSink) => Promise<void>): Promise<void> {
  const file = await open(target, constants.O_WRONLY);
  try {
    await write(deviceSink(file));
  } finally {
    await file.close();
  }
}

/** Never waits in the kernel: a thread that does cannot be called back. */
async function writePipe(
  what: string,
  target: string,
  write: (sink: ByteSink) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { Socket } = await import('node:net');
  let fd: number | undefined;
  while (fd === undefined) {
    throwIfAborted(what, signal);
    try {
      fd = openSync(target, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      // Nobody reads from it yet (fifo(7)).
      if (!hasCode(error, 'ENXIO')) throw error;
      await sleep(retryMs);
    }
  }
  const pipe = new Socket({ fd, readable: false, writable: true });
  try {
    await write(streamSink(pipe, signal));
  } finally {
    pipe.destroy();
  }
}

interface Target {
  readonly kind: 'none' | 'file' | 'folder' | 'pipe' | 'device';
  /** What a symbolic link leads to is replaced, not the link. */
  readonly place: string;
  readonly mode?: number;
}

/** Followed once, by the kernel, which follows no link that another user has put into /tmp (proc_sys_fs(5), protected_symlinks). */
async function lookAt(target: string): Promise<Target> {
  let file: FileHandle;
  try {
    file = await open(target, O_PATH);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return { kind: 'none', place: path.resolve(target) };
    throw error;
  }
  try {
    const found = await file.stat();
    const place = await readlink(`/proc/self/fd/${file.fd}`);
    if (found.isFile()) return { kind: 'file', place, mode: found.mode & 0o777 };
    return { kind: found.isDirectory() ? 'folder' : found.isFIFO() ? 'pipe' : 'device', place };
  } finally {
    await file.close();
  }
}
