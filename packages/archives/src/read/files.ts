import type { FileHandle } from 'node:fs/promises';

/** A file of an archive, open for reading at any place. Disposing closes it; idempotent. */
export interface ArchiveFile extends AsyncDisposable {
  readonly size: number;
  /** Fills `target` from `position`; fewer bytes only at the end. */
  read(target: Buffer, position: number): Promise<number>;
}

/** The files of an archive by their names, in a folder or in a tar file. */
export interface ArchiveFiles extends AsyncDisposable {
  /** What it is, for errors: `archive "/srv/images.tar"`. */
  readonly what: string;
  /** Undefined when there is none. Errors: `invalid-argument` when it is no regular file, or leads out. */
  open(name: string): Promise<ArchiveFile | undefined>;
}

/** Reads until `target` is full or the file ends. */
export async function readFully(file: FileHandle, target: Buffer, position: number): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

const chunkBytes = 1 << 18;

/** The bytes from `offset` to the end. A chunk is its reader's own. */
export async function* contentOf(file: Omit<ArchiveFile, typeof Symbol.asyncDispose>, offset = 0): AsyncGenerator<Uint8Array> {
  for (let at = offset; at < file.size; ) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, file.size - at));
    const bytes = await file.read(chunk, at);
    // It was cut meanwhile; who counts the bytes finds out.
    if (bytes === 0) return;
    yield chunk.subarray(0, bytes);
    at += bytes;
  }
}
