import type { ByteString } from '../bytes.js';

/** How the data of an inode is kept. The first two become plain or inline on disk. */
export const keptFlat = 0;
export const keptChunks = 1;
export const keptTar = 2;

export const noTail = -1;

const firstCapacity = 1024;

/** A chunked file's map: where each chunk of `1 << chunkBits` blocks is. */
export interface BlockMap {
  readonly chunkBits: number;
  readonly starts: Uint32Array;
}

/** All of a table, as plain data. */
export interface InodeTableState {
  readonly count: number;
  readonly mode: Uint16Array;
  readonly uid: Uint32Array;
  readonly gid: Uint32Array;
  readonly mtime: Float64Array;
  readonly nanoseconds: Uint32Array;
  readonly xattrs: Uint32Array;
  readonly size: Float64Array;
  readonly start: Uint32Array;
  readonly tail: Int32Array;
  readonly kept: Uint8Array;
  readonly directories: readonly Map<ByteString, number>[];
  readonly maps: readonly BlockMap[];
}

/** Everything about an inode but its content and extended attributes, as numbers. */
export interface InodeRecord {
  /** With the bits of its type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly xattrs: number;
}

/**
 * The inodes of an image, a column a field: 48 bytes each, and nothing for the garbage collector to walk. Directories have a map of their
 * names beside it.
 */
export class InodeTable {
  #count = 0;
  #mode = new Uint16Array(firstCapacity);
  #uid = new Uint32Array(firstCapacity);
  #gid = new Uint32Array(firstCapacity);
  #mtime = new Float64Array(firstCapacity);
  #nanoseconds = new Uint32Array(firstCapacity);
  #xattrs = new Uint32Array(firstCapacity);
  #size = new Float64Array(firstCapacity);
  /** Block address, encoded device, index of a directory or of a chunk map. */
  #start = new Uint32Array(firstCapacity);
  #tail = new Int32Array(firstCapacity);
  #kept = new Uint8Array(firstCapacity);
  readonly #directories: Map<ByteString, number>[] = [];
  readonly #maps: BlockMap[] = [];

  static from(state: InodeTableState): InodeTable {
    const table = new InodeTable();
    while (table.#mode.length < state.count) table.#grow();
    table.#count = state.count;
    table.#mode.set(state.mode);
    table.#uid.set(state.uid);
    table.#gid.set(state.gid);
    table.#mtime.set(state.mtime);
    table.#nanoseconds.set(state.nanoseconds);
    table.#xattrs.set(state.xattrs);
    table.#size.set(state.size);
    table.#start.set(state.start);
    table.#tail.set(state.tail);
    table.#kept.set(state.kept);
    for (const directory of state.directories) table.#directories.push(directory);
    for (const map of state.maps) table.#maps.push(map);
    return table;
  }

  get state(): InodeTableState {
    const count = this.#count;
    return {
      count,
      mode: this.#mode.slice(0, count),
      uid: this.#uid.slice(0, count),
      gid: this.#gid.slice(0, count),
      mtime: this.#mtime.slice(0, count),
      nanoseconds: this.#nanoseconds.slice(0, count),
      xattrs: this.#xattrs.slice(0, count),
      size: this.#size.slice(0, count),
      start: this.#start.slice(0, count),
      tail: this.#tail.slice(0, count),
      kept: this.#kept.slice(0, count),
      directories: this.#directories,
      maps: this.#maps,
    };
  }

  get count(): number {
    return this.#count;
  }

  add(record: InodeRecord): number {
    if (this.#count === this.#mode.length) this.#grow();
    const inode = this.#count++;
    this.#tail[inode] = noTail;
    this.set(inode, record);
    return inode;
  }

  addDirectory(record: InodeRecord): number {
    const inode = this.add(record);
    this.#start[inode] = this.#directories.push(new Map()) - 1;
    return inode;
  }

  set(inode: number, record: InodeRecord): void {
    this.#mode[inode] = record.mode;
    this.#uid[inode] = record.uid;
    this.#gid[inode] = record.gid;
    this.#mtime[inode] = record.mtimeSeconds;
    this.#nanoseconds[inode] = record.mtimeNanoseconds;
    this.#xattrs[inode] = record.xattrs;
  }

  get(inode: number): InodeRecord {
    return {
      mode: this.mode(inode),
      uid: this.#uid[inode] ?? 0,
      gid: this.#gid[inode] ?? 0,
      mtimeSeconds: this.#mtime[inode] ?? 0,
      mtimeNanoseconds: this.#nanoseconds[inode] ?? 0,
      xattrs: this.xattrs(inode),
    };
  }

  mode(inode: number): number {
    return this.#mode[inode] ?? 0;
  }

  xattrs(inode: number): number {
    return this.#xattrs[inode] ?? 0;
  }

  size(inode: number): number {
    return this.#size[inode] ?? 0;
  }

  start(inode: number): number {
    return this.#start[inode] ?? 0;
  }

  tail(inode: number): number {
    return this.#tail[inode] ?? noTail;
  }

  kept(inode: number): number {
    return this.#kept[inode] ?? keptFlat;
  }

  setDevice(inode: number, device: number): void {
    this.#start[inode] = device;
  }

  setData(inode: number, kept: number, size: number, start: number, tail: number): void {
    this.#kept[inode] = kept;
    this.#size[inode] = size;
    this.#start[inode] = start;
    this.#tail[inode] = tail;
  }

  setMap(inode: number, size: number, chunkBits: number, starts: Uint32Array): void {
    this.setData(inode, keptChunks, size, this.#maps.push({ chunkBits, starts }) - 1, noTail);
  }

  map(inode: number): BlockMap {
    const map = this.#maps[this.start(inode)];
    if (!map) throw new Error(`inode ${inode} has no block map`);
    return map;
  }

  /** The names in a directory. */
  children(inode: number): Map<ByteString, number> {
    const children = this.#directories[this.start(inode)];
    if (!children || (this.mode(inode) & 0o170000) !== 0o040000) throw new Error(`inode ${inode} is no directory`);
    return children;
  }

  #grow(): void {
    const length = this.#mode.length * 2;
    this.#mode = grown(new Uint16Array(length), this.#mode);
    this.#uid = grown(new Uint32Array(length), this.#uid);
    this.#gid = grown(new Uint32Array(length), this.#gid);
    this.#mtime = grown(new Float64Array(length), this.#mtime);
    this.#nanoseconds = grown(new Uint32Array(length), this.#nanoseconds);
    this.#xattrs = grown(new Uint32Array(length), this.#xattrs);
    this.#size = grown(new Float64Array(length), this.#size);
    this.#start = grown(new Uint32Array(length), this.#start);
    this.#tail = grown(new Int32Array(length), this.#tail);
    this.#kept = grown(new Uint8Array(length), this.#kept);
  }
}

function grown<T extends { set(from: T): void }>(to: T, from: T): T {
  to.set(from);
  return to;
}
