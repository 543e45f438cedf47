import { createHash } from 'node:crypto';
import { type ByteString, quote } from '../bytes.js';
import type { Xattr } from '../tar/entry.js';
import type { BlockOutput } from './block-output.js';
import { erofsError } from './errors.js';
import { joinXattrName, longestName, roundUp, splitXattrName } from './format.js';

const headerBytes = 12;
const entryHeaderBytes = 4;
const longestValue = 0xffff;
/** The count of an inode's shared attributes is one byte. */
const mostShared = 255;
/** What 16 bits can count of an inode's own area. */
const mostInodeBytes = headerBytes + 4 * 0xfffe;
/** A reference to a shared attribute is a number of four-byte units in 32 bits. */
export const sharedReach = 4 * 2 ** 32;
/** Larger ones go to disk at once. */
const keptBytes = 512;
/** Of all attributes that are kept in memory together, every one once. */
const mostKeptBytes = 64 << 20;
/** An attribute of so many inodes is written once and referred to. */
const sharedFrom = 3;

/** One attribute, however many inodes have it. */
interface Entry {
  /** As it is on disk, without padding; undefined when it is there already. */
  readonly encoded: Buffer | undefined;
  readonly bytes: number;
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
  readonly keptBytes: number;
}

const emptyState: XattrTableState = { entries: [], entriesByKey: new Map(), sets: [[]], setsByKey: new Map(), keptBytes: 0 };

/** No attributes. */
export const noXattrs = 0;

/**
 * The extended attributes of an image, each kept once, and each set of them. Large ones are written as they come, as shared ones, so
 * that memory does not grow with their values.
 */
export class XattrTable {
  readonly #output: BlockOutput;
  readonly #entries: Entry[];
  readonly #entriesByKey: Map<string, number>;
  readonly #sets: (readonly number[])[];
  readonly #setsByKey: Map<string, number>;
  #keptBytes: number;

  constructor(output: BlockOutput, state: XattrTableState = emptyState) {
    this.#output = output;
    this.#entries = [...state.entries];
    this.#entriesByKey = new Map(state.entriesByKey);
    this.#sets = [...state.sets];
    this.#setsByKey = new Map(state.setsByKey);
    this.#keptBytes = state.keptBytes;
  }

  get state(): XattrTableState {
    return {
      entries: this.#entries,
      entriesByKey: this.#entriesByKey,
      sets: this.#sets,
      setsByKey: this.#setsByKey,
      keptBytes: this.#keptBytes,
    };
  }

  /** The number of the set. Nothing else may be in the middle of being written to the output. */
  intern(xattrs: readonly Xattr[]): number {
    if (xattrs.length === 0) return noXattrs;
    const sorted = [...xattrs].sort((a, b) => (a.name < b.name ? -1 : 1));
    let spilled = 0;
    let inlineBytes = 0;
    const ids = sorted.map(({ name, value }) => {
      const encoded = encode(name, value);
      const id = this.#intern(encoded, spilled < mostShared);
      const isSpilled = this.#entries[id]?.encoded === undefined;
      if (isSpilled) spilled++;
      inlineBytes += isSpilled ? 4 : roundUp(encoded.length, 4);
      return id;
    });
    if (headerBytes + inlineBytes > mostInodeBytes)
      throw erofsError(
        'EROFS_CANNOT_HOLD',
        `${xattrs.length} extended attributes of one file are more than an EROFS image can hold`,
      );
    const key = ids.join();
    const known = this.#setsByKey.get(key);
    if (known !== undefined) return known;
    this.#keep(key.length);
    this.#setsByKey.set(key, this.#sets.length);
    return this.#sets.push(ids) - 1;
  }

  xattrsOf(set: number): Xattr[] {
    return this.#set(set).map((id) => decode(this.#bytesOf(this.#entry(id))));
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
      if (isShared || !entry.encoded) continue;
      entry.encoded.copy(buffer, at);
      at += roundUp(entry.bytes, 4);
    }
  }

  /** Which of a set's attributes are references: those on disk already first, as those have no other place. */
  *#arranged(set: number): Generator<{ readonly entry: Entry; readonly isShared: boolean }> {
    const entries = this.#set(set).map((id) => this.#entry(id));
    let left = mostShared - entries.filter(({ encoded }) => encoded === undefined).length;
    for (const entry of entries) {
      const isShared = entry.encoded === undefined || (entry.position !== undefined && left-- > 0);
      yield { entry, isShared };
    }
  }

  #intern(encoded: Buffer, mayBeSpilled: boolean): number {
    const isLarge = encoded.length > keptBytes;
    const key = isLarge ? `sha256:${createHash('sha256').update(encoded).digest('hex')}` : encoded.toString('latin1');
    const known = this.#entriesByKey.get(key);
    if (known !== undefined && (mayBeSpilled || this.#entry(known).encoded !== undefined)) return known;
    const entry: Entry = { encoded: undefined, bytes: encoded.length, position: undefined, uses: 0 };
    if (isLarge && mayBeSpilled && this.#place(entry, encoded)) this.#keep(key.length);
    else this.#keep(key.length + encoded.length);
    const kept = entry.position === undefined ? { ...entry, encoded } : entry;
    const id = this.#entries.push(kept) - 1;
    this.#entriesByKey.set(key, id);
    return id;
  }

  #place(entry: Entry, encoded: Buffer): boolean {
    const position = roundUp(this.#output.position, 4);
    if (position + encoded.length > sharedReach) return false;
    this.#output.skipTo(position);
    this.#output.write(encoded, 0, encoded.length);
    this.#output.skipTo(roundUp(this.#output.position, 4));
    entry.position = position;
    return true;
  }

  #keep(bytes: number): void {
    this.#keptBytes += bytes;
    if (this.#keptBytes > mostKeptBytes)
      throw erofsError(
        'EROFS_TOO_LARGE',
        `the extended attributes of the image are over the limit of ${mostKeptBytes} bytes in memory`,
      );
  }

  #bytesOf(entry: Entry): Buffer {
    if (entry.encoded) return entry.encoded;
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

function encode(name: ByteString, value: Buffer): Buffer {
  const split = splitXattrName(name);
  if (!split || split.suffix.length > longestName)
    throw erofsError('EROFS_CANNOT_HOLD', `an extended attribute ${quote(name)} cannot be in an EROFS image`);
  if (value.length > longestValue)
    throw erofsError(
      'EROFS_CANNOT_HOLD',
      `the extended attribute ${quote(name)} has ${value.length} bytes, and an EROFS image can hold ${longestValue}`,
    );
  const encoded = Buffer.alloc(entryHeaderBytes + split.suffix.length + value.length);
  encoded[0] = split.suffix.length;
  encoded[1] = split.index;
  encoded.writeUInt16LE(value.length, 2);
  encoded.write(split.suffix, entryHeaderBytes, 'latin1');
  value.copy(encoded, entryHeaderBytes + split.suffix.length);
  return encoded;
}

function decode(encoded: Buffer): Xattr {
  const nameEnd = entryHeaderBytes + (encoded[0] ?? 0);
  const suffix = encoded.toString('latin1', entryHeaderBytes, nameEnd);
  return { name: joinXattrName({ index: encoded[1] ?? 0, suffix }) ?? '', value: Buffer.from(encoded.subarray(nameEnd)) };
}
