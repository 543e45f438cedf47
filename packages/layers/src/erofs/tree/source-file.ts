import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type LinuxSystem, O_PATH } from '@slipway/linux';
import type { ByteString } from '../../bytes.js';
import type { ErofsData, ErofsImageWriter } from '../types.js';
import { treeChanged } from './changed.js';

// O_PATH: opening a device can do something, as with a watchdog. Only what turns out to be the file is opened to be read.
const looking = O_PATH | constants.O_NOFOLLOW;
// O_NONBLOCK: whoever has a lease on the file is not waited for. O_NOATIME: to look changes nothing.
const reading = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME;
const pieceBytes = 1 << 20;
const piece = Buffer.allocUnsafeSlow(pieceBytes);

export interface SourceFile {
  readonly system: LinuxSystem;
  readonly place: string | Buffer;
  readonly path: ByteString;
  /** As it was when it was looked up, which it has to stay. */
  readonly stats: BigIntStats;
  readonly checkpoint: () => void;
}

/** Copies a file of a tree to an image, without its holes. */
export function copyToImage(image: ErofsImageWriter, source: SourceFile): ErofsData {
  const { system, place, path, stats, checkpoint } = source;
  const size = Number(stats.size);
  image.beginFile(size);
  const found = openSync(place, looking);
  try {
    check(found, source);
    const fd = openSync(`/proc/self/fd/${found}`, reading);
    try {
      // As many blocks as bytes: there are no holes to be looked for.
      const isWhole = stats.blocks * 512n >= stats.size;
      for (const { start, end } of isWhole ? [{ start: 0, end: size }] : system.dataRanges(fd, size)) {
        for (let at = start; at < end; ) {
          checkpoint();
          const read = readSync(fd, piece, 0, Math.min(pieceBytes, end - at), at);
          if (read === 0) throw treeChanged(path);
          image.writeFile(piece, 0, read, at);
          at += read;
        }
      }
      check(fd, source);
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(found);
  }
  return image.endFile();
}

function check(fd: number, { stats, path }: SourceFile): void {
  const { dev, ino, mode, size, ctimeNs } = fstatSync(fd, { bigint: true });
  const isSame =
    dev === stats.dev && ino === stats.ino && mode === stats.mode && size === stats.size && ctimeNs === stats.ctimeNs;
  if (!isSame) throw treeChanged(path);
}
