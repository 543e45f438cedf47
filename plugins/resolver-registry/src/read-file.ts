import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { quote } from '@slipway/oci';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';

export interface ReadOptions {
  /** `credentials file`. */
  readonly what: string;
  readonly maxBytes: number;
  /** The error for a file that is not one to be read. */
  readonly invalid: (why: string) => SlipwayError;
}

/** A regular file of bounded size, as text; undefined when there is none. */
export async function readSmallFile(path: string, { what, maxBytes, invalid }: ReadOptions): Promise<string | undefined> {
  try {
    // A FIFO would be waited for.
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    if (!(await handle.stat()).isFile()) throw invalid('is no regular file');
    const chunks: Buffer[] = [];
    let size = 0;
    for (;;) {
      const buffer = Buffer.alloc(64 * 1024);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return Buffer.concat(chunks).toString('utf8');
      size += bytesRead;
      if (size > maxBytes) throw invalid(`has more than ${maxBytes} bytes`);
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw wrapError(`reading the ${what} ${quote(path)}`, error);
  }
}

/** The same of a file that has to be there. Errors: `not-found`. */
export async function requireSmallFile(path: string, options: ReadOptions): Promise<string> {
  const text = await readSmallFile(path, options);
  if (text !== undefined) return text;
  throw new SlipwayError({
    kind: 'not-found',
    code: 'SYSTEM_ENOENT',
    message: `reading the ${options.what} ${quote(path)}: there is no such file`,
    hint: 'correct the path in the configuration of the registry',
  });
}
