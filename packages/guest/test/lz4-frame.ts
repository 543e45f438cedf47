/** Literals, then a copy of four bytes and so many more of what lies so far back (at most: all that there is). The last part may be without a copy. */
export interface Lz4Part {
  readonly literals: Buffer;
  readonly copy?: { readonly distance: number; readonly length: number };
}

/** One block in the legacy frame. */
function frame(parts: readonly Lz4Part[]): Buffer {
  let size = 0;
  const pieces: Buffer[] = [];
  for (const { literals, copy } of parts) {
    size += literals.length;
    const { distance, length } = effective(copy, size);
    size += length;
    const literalsToken = Math.min(literals.length, 15);
    const lengthToken = length === 0 ? 0 : Math.min(length - 4, 15);
    pieces.push(Buffer.from([literalsToken * 16 + lengthToken]), longer(literals.length), literals);
    if (length > 0) pieces.push(Buffer.from([distance & 255, distance >> 8]), longer(length - 4));
  }
  // The last sequence has literals alone, if only none.
  if (parts.at(-1)?.copy !== undefined) pieces.push(Buffer.from([0]));
  const block = Buffer.concat(pieces);
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x184c2102, 0);
  header.writeUInt32LE(block.length, 4);
  return Buffer.concat([header, block]);
}

function expanded(parts: readonly Lz4Part[]): Buffer {
  const bytes: number[] = [];
  for (const { literals, copy } of parts) {
    for (const byte of literals) bytes.push(byte);
    const { distance, length } = effective(copy, bytes.length);
    for (let i = 0; i < length; i++) bytes.push(bytes[bytes.length - distance]!);
  }
  return Buffer.from(bytes);
}

function effective(copy: Lz4Part['copy'], size: number): { distance: number; length: number } {
  return copy === undefined
    ? { distance: 0, length: 0 }
    : { distance: Math.min(copy.distance + 1, size, 65_535), length: copy.length + 4 };
}

function longer(length: number): Buffer {
  if (length < 15) return Buffer.alloc(0);
  const rest = length - 15;
  return Buffer.concat([Buffer.alloc(Math.floor(rest / 255), 255), Buffer.from([rest % 255])]);
}

export const lz4Frame = Object.assign(frame, { expanded });
