import { createHash } from 'node:crypto';
import type { ByteString } from '../bytes.js';
import type { Xattr } from '../tar/entry.js';
import type { BlockOutput } from './block-output.js';
import { erofsError } from './errors.js';
import { roundUp } from './format.js';
import { decodeXattr, encodeXattr } from './xattr-entry.js';

const headerBytes = 12;
/** The count of an inode's shared attributes is one byte. */
const mostShared = 255;
/** What 16 bits can count of an inode's own area. */
const mostInodeBytes = headerBytes + 4 * 0xfffe;
/** A reference to a shared attribute is a number of four-byte units in 32 bits. */
const sharedReach = 4 * 2 ** 32;
/** Larger ones are kept only until there is this much of them to be written. */
const largeBytes = 512;
const spillBytes = 1 << 20;
/** What all of them may take in memory before small ones are written out as well, and before there are too many. */
const softBytes = 64 << 20;
const mostBytes = 256 << 20;
/** An attribute, or a set of them, takes so much besides its own bytes. */
const overheadBytes = 150;
/** An attribute of so many inodes is written once and referred to. */
const sharedFrom = 3;

/** One attribute, however many inodes have it. */
interface Entry {
  /** As it is on disk, without padding; undefined when it is there already. */
  encoded: ByteString | undefined;
  readonly bytes: number;
  /** It goes to disk before the end, and inodes refer to it. */
  readonly isSpilled: boolean;
  /** Byte offset in the image, a multiple of 4: of a shared one, once it has a place. */
  position: number | undefined;
  uses: number;
}

/** All of a table, as plain data. */
export interface XattrTableState {
  readonly entries: readonly Entry[];
  readonly entriesByKey: ReadonlyMap<string, number>;
  readonly sets: readonly (readonly number[])[];
  readonly setsByKey: ReadonlyMap<string, number>;
  /** Numbers of those that are to go to disk, and how much they are. */
  readonly pending: readonly number[];
  readonly pendingBytes: number;
  readonly memoryBytes: number;
}

const emptyState: XattrTableState = {
  entries: [],
  entriesByKey: new Map(),
  sets: [[]],
  setsByKey: new Map(),
  pending: [],
  pendingBytes: 0,
  memoryBytes: 0,
};

/** No attributes. */
export const noXattrs = 0;

/**
 * The extended attributes of an image, each kept once, and each set of them. Large ones, and all of them when they are many, are written
 * between the bytes of files, as shared ones: memory does not grow with their values.
 */
export class XattrTable {
  readonly #output: BlockOutput;
  readonly #entries: Entry[];
  readonly #entriesByKey: Map<string, number>;
  readonly #sets: (readonly number[])[];
  readonly #setsByKey: Map<string, number>;
  #pending: number[];
  #pendingBytes: number;
  #memoryBytes: number;

  constructor(output: BlockOutput, state: XattrTableState = emptyState) {
    this.#output = output;
    this.#entries = [...state.entries];
    this.#entriesByKey = new Map(state.entriesByKey);
    this.#sets = [...state.sets];
    this.#setsByKey = new Map(state.setsByKey);
    this.#pending = [...state.pending];
    this.#pendingBytes = state.pendingBytes;
    this.#memoryBytes = state.memoryBytes;
  }

  get state(): XattrTableState {
    return {
      entries: this.#entries,
      entriesByKey: this.#entriesByKey,
      sets: this.#sets,
      setsByKey: this.#setsByKey,
      pending: this.#pending,
      pendingBytes: this.#pendingBytes,
      memoryBytes: this.#memoryBytes,
    };
  }

  /** The number of the set. Nothing else may be in the middle of being written to the output. */
  intern(xattrs: readonly Xattr[]): number {
    if (xattrs.length === 0) return noXattrs;
    const sorted = [...xattrs].sort((a, b) => (a.name < b.name ? -1 : 1));
    let spilled = 0;
    let inlineBytes = 0;
    const ids = sorted.map(({ name, value }) => {
      const id = this.#intern(encodeXattr(name, value), spilled < mostShared);
      const { isSpilled, bytes } = this.#entry(id);
      if (isSpilled) spilled++;
      inlineBytes += isSpilled ? 4 : roundUp(bytes, 4);
      return id;
    });
    if (headerBytes + inlineBytes > mostInodeBytes) throw tooMany(xattrs.length);
    if (this.#pendingBytes > spillBytes) this.#spill();
    const key = ids.join();
    const known = this.#setsByKey.get(key);
    if (known !== undefined) return known;
    this.#take(key.length + overheadBytes);
    this.#setsByKey.set(key, this.#sets.length);
    return this.#sets.push(ids) - 1;
  }

  xattrsOf(set: number): Xattr[] {
    return this.#set(set).map((id) => decodeXattr(this.#bytesOf(this.#entry(id))));
  }

  /** One more inode has the set: to know what is worth sharing. */
  count(set: number): void {
    for (const id of this.#set(set)) this.#entry(id).uses++;
  }

  /** Writes what several inodes have, as far as references reach. After it sizes are known. */
  writeShared(): void {
    for (const entry of this.#entries) {
      if (entry.uses < sharedFrom || entry.position !== undefined || entry.encoded === undefined) continue;
      this.#place(entry, entry.encoded);
    }
  }

  /** Bytes behind an inode. */
  sizeOf(set: number): number {
    if (set === noXattrs) return 0;
    let bytes = headerBytes;
    for (const { isShared, entry } of this.#arranged(set)) bytes += isShared ? 4 : roundUp(entry.bytes, 4);
    // Possible where references do not reach: past 16 GiB.
    if (bytes > mostInodeBytes) throw tooMany(this.#set(set).length);
    return bytes;
  }

  /** What stands behind an inode, to a buffer of zeros. */
  write(set: number, buffer: Buffer, offset: number): void {
    const arranged = [...this.#arranged(set)];
    const shared = arranged.filter(({ isShared }) => isShared);
    buffer[offset + 4] = shared.length;
    let at = offset + headerBytes;
    for (const { entry } of shared) at = buffer.writeUInt32LE((entry.position ?? 0) / 4, at);
    for (const { entry, isShared } of arranged) {
      if (isShared) continue;
      buffer.write(entry.encoded ?? '', at, 'latin1');
      at += roundUp(entry.bytes, 4);
    }
  }

  /** Which of a set's attributes are references: first of all those that are nowhere else. */
  *#arranged(set: number): Generator<{ readonly entry: Entry; readonly isShared: boolean }> {
    const entries = this.#set(set).map((id) => this.#entry(id));
    let left = mostShared - entries.filter(({ encoded }) => encoded === undefined).length;
    for (const entry of entries) {
      const isShared = entry.encoded === undefined || (entry.position !== undefined && left-- > 0);
      yield { entry, isShared };
    }
  }

  #intern(encoded: ByteString, mayBeSpilled: boolean): number {
    const isLarge = encoded.length > largeBytes;
    const key = isLarge ? `sha256:${createHash('sha256').update(encoded, 'latin1').digest('hex')}` : encoded;
    const known = this.#entriesByKey.get(key);
    if (known !== undefined && (mayBeSpilled || !this.#entry(known).isSpilled)) return known;
    const isFull = this.#memoryBytes > softBytes;
    const isSpilled = mayBeSpilled && (isLarge || isFull);
    const id = this.#entries.push({ encoded, bytes: encoded.length, isSpilled, position: undefined, uses: 0 }) - 1;
    this.#take((isLarge ? key.length + encoded.length : encoded.length) + overheadBytes);
    // What comes when there is no room any more is not looked for again.
    if (isLarge || !isFull) this.#entriesByKey.set(key, id);
    if (isSpilled) {
      this.#pending.push(id);
      this.#pendingBytes += encoded.length;
    }
    return id;
  }

  #spill(): void {
    for (const id of this.#pending) {
      const entry = this.#entry(id);
      if (entry.encoded === undefined || !this.#place(entry, entry.encoded)) continue;
      this.#memoryBytes -= entry.bytes;
      entry.encoded = undefined;
    }
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  /** False where references do not reach. */
  #place(entry: Entry, encoded: ByteString): boolean {
    const position = roundUp(this.#output.position, 4);
    if (position + encoded.length > sharedReach) return false;
    this.#output.skipTo(position);
    this.#output.write(Buffer.from(encoded, 'latin1'), 0, encoded.length);
    this.#output.skipTo(roundUp(this.#output.position, 4));
    entry.position = position;
    return true;
  }

  #take(bytes: number): void {
    this.#memoryBytes += bytes;
    if (this.#memoryBytes > mostBytes)
      throw erofsError(
        'EROFS_TOO_LARGE',
        `the extended attributes of the image are over the limit of ${mostBytes} bytes in memory`,
      );
  }

  #bytesOf(entry: Entry): Buffer {
    if (entry.encoded !== undefined) return Buffer.from(entry.encoded, 'latin1');
    const bytes = Buffer.alloc(entry.bytes);
    this.#output.readBack(bytes, entry.position ?? 0);
    return bytes;
  }

  #set(set: number): readonly number[] {
    return this.#sets[set] ?? [];
  }

  #entry(id: number): Entry {
    const entry = this.#entries[id];
    if (!entry) throw new Error(`there is no extended attribute ${id}`);
    return entry;
  }
}

function tooMany(count: number): Error {
  return erofsError('EROFS_CANNOT_HOLD', `${count} extended attributes of one file are more than an EROFS image can hold`);
}
