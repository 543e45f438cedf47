import { randomBytes } from 'node:crypto';
import { write } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { hasCode, wrapError } from '@slipway/plugin-api';
import { isTerminal } from './is-terminal.js';
import { OutputClosed } from './output.js';
import { usageError } from './usage-error.js';

type WriteBytes = (output: Writable) => Promise<void>;

/**
 * Bytes to stdout, or to a file: made or replaced in one step when all of it is written, and not touched before. Errors: wrong use when they would
 * go to a terminal, {@link OutputClosed}.
 */
export async function writeBytes(command: string, file: string | undefined, work: WriteBytes): Promise<void> {
  if (file !== undefined) return toFile(path.resolve(file), work);
  if (isTerminal(1))
    throw usageError(command, 'stdout is a terminal, which has no use for these bytes', 'give -o FILE, or a pipe');
  await toDescriptor(1, work);
}

async function toFile(file: string, work: WriteBytes): Promise<void> {
  if (!(await isReplaceable(file))) {
    const handle = await open(file, 'w');
    await using _handle = handle;
    return toDescriptor(handle.fd, work);
  }
  const unfinished = path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(6).toString('hex')}`);
  try {
    {
      await using handle = await open(unfinished, 'wx', 0o600);
      await toDescriptor(handle.fd, work);
      await handle.sync();
    }
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw wrapError(`write ${JSON.stringify(file)}`, error);
  }
}

/** A device or a pipe is written to as it is. */
async function isReplaceable(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
    throw wrapError(`write ${JSON.stringify(file)}`, error);
  }
}

async function toDescriptor(fd: number, work: WriteBytes): Promise<void> {
  let failure: unknown;
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      writeAll(fd, chunk).then(
        () => done(),
        (error: Error) => {
          failure = error;
          done(error);
        },
      );
    },
  });
  try {
    await work(output);
  } catch (error) {
    // Whoever wrote tells it in words of its own.
    throw failure ?? error;
  }
}

/** How long to wait before another try at a pipe that is full and in non-blocking mode, which whoever made it chose. */
const retryMs = 5;
const writeSome = promisify(write);

/** All that a stream brings, at the pace at which it can be written. Errors: {@link OutputClosed}. */
export async function writeStream(stream: Readable | undefined, fd: number): Promise<void> {
  for await (const chunk of stream ?? []) await writeAll(fd, chunk as Buffer);
}

/** Errors: {@link OutputClosed}. */
export function writeBytesTo(fd: number, bytes: Buffer): Promise<void> {
  return writeAll(fd, bytes);
}

async function writeAll(fd: number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += (await writeSome(fd, bytes, at, bytes.length - at)).bytesWritten;
    } catch (error) {
      if (hasCode(error, 'EPIPE')) throw new OutputClosed();
      if (!hasCode(error, 'EAGAIN')) throw error;
      await sleep(retryMs);
    }
  }
}
