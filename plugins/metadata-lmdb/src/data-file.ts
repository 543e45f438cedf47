import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { SlipwayError } from '@slipway/plugin-api';

/**
 * Looks at an lmdb data file without lmdb, because lmdb maps the file: a page that a truncated file lacks is not an
 * error there but a SIGBUS that kills the process, and a file of zero bytes is silently made a new database.
 *
 * Data format 2 as in lmdb-js 3 (liblmdb/mdb.c), numbers in the machine's order (little-endian on amd64 and arm64).
 * Page header, 24 bytes: page number 0, transaction 8, pad 16, flags 18, lower 20, upper 22 (overflow: page count 20).
 * Meta (pages 0 and 1): magic 24, version 28, page size 48, free-list tree 48, main tree 96 (root at +40), last page 144,
 * transaction 152. Node: 8 bytes (child page: 0-5, or data size 0-3; flags 4; key size 6), then key and data.
 */
const magic = 0xbeefc0de;
const headerBytes = 24;
const metaBytes = 176;
const flagBranch = 1;
const flagLeaf = 2;
const flagOverflow = 4;
const nodeBigData = 1;
const noPage = 0xffff_ffff_ffff_ffffn;
const attempts = 5;

interface Meta {
  readonly pageSize: number;
  readonly roots: readonly bigint[];
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/** Errors: `data-loss` when the file is no lmdb data file or lacks pages that are in use. */
export function checkDataFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    for (let attempt = 1; ; attempt++) {
      const meta = readMeta(fd, path);
      // The file may rightly be shorter than its last page says (pages that were allocated and freed in one transaction
      // are never written), so only a short file is walked.
      const pages = BigInt(Math.floor(fstatSync(fd).size / meta.pageSize));
      if (pages > meta.lastPage) return;
      const lost = meta.roots.map((root) => findLost(fd, meta.pageSize, pages, root)).find((found) => found !== undefined);
      if (lost === undefined) return;
      // Another process may have committed and reused pages meanwhile: only what holds for one transaction counts.
      if (readMeta(fd, path).transaction === meta.transaction || attempt === attempts) throw truncated(path, lost, pages);
    }
  } finally {
    closeSync(fd);
  }
}

/** Where the last page ends, in bytes. Undefined when the file is no data file. */
export function lastPageEnd(fd: number): number | undefined {
  const meta = newestMeta(fd);
  return meta === undefined ? undefined : Number(meta.lastPage + 1n) * meta.pageSize;
}

function readMeta(fd: number, path: string): Meta {
  const meta = newestMeta(fd);
  if (meta === undefined) throw notDatabase(path);
  return meta;
}

function newestMeta(fd: number): Meta | undefined {
  const first = parseMeta(readPage(fd, 0, metaBytes));
  const second = first && parseMeta(readPage(fd, first.pageSize, metaBytes));
  if (first === undefined || second === undefined) return undefined;
  return second.transaction > first.transaction ? second : first;
}

function parseMeta(page: Buffer): Meta | undefined {
  if (page.length < metaBytes || page.readUInt32LE(24) !== magic) return undefined;
  const pageSize = page.readUInt32LE(48);
  if (pageSize < 512 || pageSize > 65_536) return undefined;
  return {
    pageSize,
    roots: [page.readBigUInt64LE(88), page.readBigUInt64LE(136)],
    lastPage: page.readBigUInt64LE(144),
    transaction: page.readBigUInt64LE(152),
  };
}

/** A page of the tree at `root` that the file does not hold. */
function findLost(fd: number, pageSize: number, pages: bigint, root: bigint): bigint | undefined {
  if (root === noPage) return undefined;
  const open = [root];
  for (let number = open.pop(); number !== undefined; number = open.pop()) {
    if (number >= pages) return number;
    const page = readPage(fd, Number(number) * pageSize, pageSize);
    const flags = page.readUInt16LE(18);
    if (page.readBigUInt64LE(0) !== number || (flags & (flagBranch | flagLeaf)) === 0) return number;
    const nodes = page.readUInt16LE(20) >> 1;
    for (let index = 0; index < nodes; index++) {
      const node = page.readUInt16LE(headerBytes + index * 2) + headerBytes;
      if (node + 8 > pageSize) return number;
      if ((flags & flagBranch) !== 0) {
        open.push(BigInt(page.readUIntLE(node, 6)));
      } else if ((page.readUInt16LE(node + 4) & nodeBigData) !== 0) {
        const overflow = page.readBigUInt64LE(node + 8 + page.readUInt16LE(node + 6));
        if (overflow >= pages) return overflow;
        const header = readPage(fd, Number(overflow) * pageSize, headerBytes);
        if ((header.readUInt16LE(18) & flagOverflow) === 0) return overflow;
        const last = overflow + BigInt(header.readUInt32LE(20)) - 1n;
        if (last >= pages) return last;
      }
    }
  }
  return undefined;
}

function readPage(fd: number, position: number, bytes: number): Buffer {
  const page = Buffer.alloc(bytes);
  return page.subarray(0, readSync(fd, page, 0, bytes, position));
}

const restore = 'restore the file from a backup, or move the metadata folder away to begin with an empty one';

function notDatabase(path: string): SlipwayError {
  return new SlipwayError({
    kind: 'data-loss',
    code: 'METADATA_NOT_A_DATABASE',
    message: `open metadata "${path}": the file is not an lmdb database`,
    hint: restore,
    details: { path },
  });
}

function truncated(path: string, page: bigint, pages: bigint): SlipwayError {
  return new SlipwayError({
    kind: 'data-loss',
    code: 'METADATA_TRUNCATED',
    message: `open metadata "${path}": the file lacks page ${page} that is in use, it has ${pages} pages`,
    hint: restore,
    details: { path, page: Number(page), pages: Number(pages) },
  });
}
