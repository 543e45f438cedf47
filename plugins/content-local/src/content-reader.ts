import { type FileHandle, open } from 'node:fs/promises';
import { type ContentReader, type Digest, SlipwayError, wrapError } from '@slipway/plugin-api';
import { closed } from './errors.js';

/** A blob's file, open for reading. */
export class FileReader implements ContentReader {
  private isClosed: boolean = false;

  private constructor(
    private readonly digest: Digest,
    private readonly handle: FileHandle,
    readonly size: number,
    private readonly onClose: (reader: FileReader) => void,
  ) {}

  /** Errors: those of open(2), with their errno. */
  static async open(digest: Digest, path: string, onClose: (reader: FileReader) => void): Promise<FileReader> {
    const handle = await open(path, 'r');
    try {
      return new FileReader(digest, handle, (await handle.stat()).size, onClose);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get fd(): number {
    return this.handle.fd;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const what = `read blob "${this.digest}"`;
    if (this.isClosed) throw closed('CONTENT_READER_CLOSED', `${what}: the reader was closed`);
    const wanted = Math.min(target.length, Math.max(0, this.size - position));
    let filled = 0;
    while (filled < wanted) {
      const { bytesRead } = await this.handle.read(target, filled, wanted - filled, position + filled).catch((error: unknown) => {
        throw wrapError(what, error);
      });
      if (bytesRead === 0) throw truncated(this.digest, position + filled, this.size);
      filled += bytesRead;
    }
    return filled;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onClose(this);
    await this.handle.close();
  }
}

function truncated(digest: Digest, found: number, expected: number): SlipwayError {
  return new SlipwayError({
    kind: 'data-loss',
    code: 'CONTENT_TRUNCATED',
    message: `read blob "${digest}": the file ends at ${found} of ${expected} bytes`,
    hint: 'the file was changed behind the store: slipway verify --repair brings it in again',
    details: { digest, found, expected },
  });
}
