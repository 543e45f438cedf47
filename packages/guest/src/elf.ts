/** Of a program header: what the loader maps, or what it is told. */
export interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

export const segmentTypes = { interpreter: 3, note: 4 } as const;

/** The program headers of a 64-bit little-endian ELF file; undefined when it is none, or is cut off. */
export function elfSegments(file: Buffer): readonly Segment[] | undefined {
  if (!isElf(file)) return undefined;
  const table = tableAt(file, Number(file.readBigUInt64LE(32)), file.readUInt16LE(54), file.readUInt16LE(56), 56);
  return table?.map((header) => ({
    type: header.readUInt32LE(0),
    offset: Number(header.readBigUInt64LE(8)),
    size: Number(header.readBigUInt64LE(32)),
  }));
}

/** The bytes of the section with that name; undefined when the file has none, or is cut off. */
export function elfSection(file: Buffer, name: string): Buffer | undefined {
  if (!isElf(file)) return undefined;
  const headers = tableAt(file, Number(file.readBigUInt64LE(40)), file.readUInt16LE(58), file.readUInt16LE(60), 64);
  const names = headers?.[file.readUInt16LE(62)];
  if (headers === undefined || names === undefined) return undefined;
  const strings = sectionBytes(file, names);
  const found = headers.find((header) => textAt(strings, header.readUInt32LE(0)) === name);
  return found === undefined ? undefined : sectionBytes(file, found);
}

/** The string that begins there and ends before the next NUL. */
export function textAt(bytes: Buffer, start: number): string {
  const end = bytes.indexOf(0, start);
  return bytes.toString('latin1', start, end === -1 ? bytes.length : end);
}

/** True for 64-bit little-endian ELF. */
export function isElf(file: Buffer): boolean {
  return file.length >= 64 && file.readUInt32BE(0) === 0x7f454c46 && file[4] === 2 && file[5] === 1;
}

function sectionBytes(file: Buffer, header: Buffer): Buffer {
  const offset = Number(header.readBigUInt64LE(24));
  return file.subarray(offset, offset + Number(header.readBigUInt64LE(32)));
}

function tableAt(file: Buffer, offset: number, entrySize: number, count: number, needed: number): Buffer[] | undefined {
  if (entrySize < needed || offset + count * entrySize > file.length) return undefined;
  return Array.from({ length: count }, (_, at) => file.subarray(offset + at * entrySize, offset + (at + 1) * entrySize));
}
