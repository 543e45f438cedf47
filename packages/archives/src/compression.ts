import { Readable } from 'node:stream';
import { constants, createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';
import { archiveError } from './errors.js';

export type Compression = 'gzip' | 'zstd';

/** Bytes that tell one compression from another. */
export const magicBytes = 6;
const chunkSize = 1 << 18;
/** 128 MiB: what zstd itself takes without being told. */
const zstdWindowLog = 27;

const magics: readonly (readonly [name: string, magic: Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['bzip2', Buffer.from('BZh')],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
];

/** How a file is compressed, from its first bytes. Errors: `unimplemented` for bzip2 and xz. */
export function compressionOf(what: string, beginning: Buffer): Compression | undefined {
  const name = magics.find(([, magic]) => beginning.subarray(0, magic.length).equals(magic))?.[0];
  if (name === undefined || name === 'gzip' || name === 'zstd') return name;
  throw archiveError('ARCHIVE_FORMAT_UNSUPPORTED', `${what} is compressed with ${name}; gzip and zstd are read`, {
    hint: `uncompress it first (${name === 'xz' ? 'unxz' : 'bunzip2'})`,
  });
}

/** The uncompressed bytes. The work is done in zlib's threads. Errors: `data-loss`, `resource-exhausted` for a window over 128 MiB. */
export async function* decompressed(
  what: string,
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array> {
  const decoder = decoderOf(compression);
  const input = Readable.from(source, { objectMode: false });
  let failure: unknown;
  input.on('error', (error) => {
    failure = error;
    decoder.destroy(error);
  });
  input.pipe(decoder);
  try {
    for await (const chunk of decoder) yield chunk;
  } catch (error) {
    throw failure ?? decoderError(what, error);
  } finally {
    input.destroy();
    decoder.destroy();
  }
}

function decoderOf(compression: Compression): Gunzip | ZstdDecompress {
  if (compression === 'gzip') return createGunzip({ chunkSize });
  return createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } });
}

function decoderError(what: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  if (error.code.startsWith('ZSTD_error_frameParameter_windowTooLarge'))
    return archiveError('ARCHIVE_TOO_LARGE', `${what}: its zstd window is over the limit of ${2 ** zstdWindowLog} bytes`);
  if (!/^(Z|ZSTD)_/.test(error.code)) return error;
  return archiveError('ARCHIVE_DAMAGED', `${what}: its compressed data is damaged: ${error.message}`, { cause: error });
}
