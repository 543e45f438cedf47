import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { SlipwayError } from '@slipway/plugin-api';

/**
 * Looks at an lmdb data file without lmdb, because lmdb maps the file and trusts it: a page that a truncated file lacks is not an
 * error there but a SIGBUS that kills the process, a damaged one leads anywhere, and a file of zero bytes is silently made a new database.
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

interface Meta {
  readonly pageSize: number;
  readonly roots: readonly bigint[];
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/**
 * Walks all that is in use, while nobody commits. Errors: `data-loss` when the file is no lmdb data file, lacks pages, or has pages that are
 * none of its trees'.
 */
export function checkDataFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    const meta = newestMeta(fd);
    if (meta === undefined) throw notDatabase(path);
    // The file may rightly be shorter than its last page says: pages that were allocated and freed in one transaction are never written.
    const pages = BigInt(Math.floor(fstatSync(fd).size / meta.pageSize));
    const wrong = meta.roots.map((root) => findWrong(fd, meta.pageSize, pages, root)).find((found) => found !== undefined);
    if (wrong !== undefined) throw wrong < pages ? damaged(path, wrong) : truncated(path, wrong, pages);
  } finally {
    closeSync(fd);
  }
}

/** Where the last page ends, in bytes. Undefined when the file is no data file. */
export function lastPageEnd(fd: number): number | undefined {
  const meta = newestMeta(fd);
  return meta === undefined ? undefined : Number(meta.lastPage + 1n) * meta.pageSize;
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

/** A page of the tree at `root` that the file does not hold, or that is not what it must be. */
function findWrong(fd: number, pageSize: number, pages: bigint, root: bigint): bigint | undefined {
  if (root === noPage) return undefined;
  const page = Buffer.alloc(pageSize);
  const open = [root];
  let seen = 0n;
  for (let number = open.pop(); number !== undefined; number = open.pop()) {
    // More than there are: it is no tree.
    if (number >= pages || ++seen > pages) return number;
    if (readSync(fd, page, 0, pageSize, Number(number) * pageSize) < pageSize) return number;
    const wrong = findWrongIn(fd, page, pages, number, open);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** Adds the children of a branch to `open`. */
function findWrongIn(fd: number, page: Buffer, pages: bigint, number: bigint, open: bigint[]): bigint | undefined {
  const flags = page.readUInt16LE(18);
  const isBranch = (flags & flagBranch) !== 0;
  if (page.readBigUInt64LE(0) !== number || isBranch === ((flags & flagLeaf) !== 0)) return number;
  const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)];
  if (lower > upper || upper > page.length - headerBytes) return number;
  for (let index = 0; index < lower >> 1; index++) {
    const node = page.readUInt16LE(headerBytes + index * 2) + headerBytes;
    if (node < headerBytes + lower || node + 8 > page.length) return number;
    const data = node + 8 + page.readUInt16LE(node + 6);
    if (isBranch) {
      if (data > page.length) return number;
      open.push(BigInt(page.readUIntLE(node, 6)));
      continue;
    }
    const bytes = page.readUInt32LE(node);
    if ((page.readUInt16LE(node + 4) & nodeBigData) === 0) {
      if (data + bytes > page.length) return number;
    } else {
      const wrong =
        data + 8 > page.length ? number : findWrongOverflow(fd, page.length, pages, page.readBigUInt64LE(data), bytes);
      if (wrong !== undefined) return wrong;
    }
  }
  return undefined;
}

/** A value that is too large for a page has pages of its own, one after the other. */
function findWrongOverflow(fd: number, pageSize: number, pages: bigint, first: bigint, bytes: number): bigint | undefined {
  if (first >= pages) return first;
  const header = readPage(fd, Number(first) * pageSize, headerBytes);
  const count = header.readUInt32LE(20);
  if ((header.readUInt16LE(18) & flagOverflow) === 0 || count * pageSize < headerBytes + bytes) return first;
  const last = first + BigInt(count) - 1n;
  return last >= pages ? last : undefined;
}

function readPage(fd: number, position: number, bytes: number): Buffer {
  const page = Buffer.alloc(bytes);
  return page.subarray(0, readSync(fd, page, 0, bytes, position));
}

export const restoreHint = 'slipway system rebuild makes the metadata anew from content, or restore the file from a backup';

function notDatabase(path: string): SlipwayError {
  return new SlipwayError({
    kind: 'data-loss',
    code: 'METADATA_NOT_A_DATABASE',
    message: `open metadata "${path}": the file is not an lmdb database`,
    hint: restoreHint,
    details: { path },
  });
}

function truncated(path: string, page: bigint, pages: bigint): SlipwayError {
  return new SlipwayError({
    kind: 'data-loss',
    code: 'METADATA_TRUNCATED',
    message: `open metadata "${path}": the file lacks page ${page} that is in use, it has ${pages} pages`,
    hint: restoreHint,
    details: { path, page: Number(page), pages: Number(pages) },
  });
}

function damaged(path: string, page: bigint): SlipwayError {
  return new SlipwayError({
    kind: 'data-loss',
    code: 'METADATA_DAMAGED',
    message: `open metadata "${path}": page ${page} is in use and is not what it must be`,
    hint: restoreHint,
    details: { path, page: Number(page) },
  });
}
