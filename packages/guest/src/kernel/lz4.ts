/** Of a block, before it was compressed: the legacy format has no other. */
const blockBytes = 8 << 20;

export const lz4LegacyMagic = 0x184c2102;

/**
 * Takes apart the legacy frame of LZ4, the form in which kernels are compressed. Between two blocks other work gets its
 * turn. Throws on bytes that are no such frame, are cut off, or give more than `limit`.
 */
export async function decompressLz4(frame: Buffer, limit: number): Promise<Buffer> {
  if (frame.length < 4 || frame.readUInt32LE(0) !== lz4LegacyMagic) throw new Error('no frame of LZ4');
  const blocks: Buffer[] = [];
  let total = 0;
  for (let at = 4; at < frame.length; ) {
    if (at + 4 > frame.length) throw new Error('the frame of LZ4 is cut off');
    const size = frame.readUInt32LE(at);
    const end = at + 4 + size;
    if (end > frame.length) throw new Error('the frame of LZ4 is cut off');
    const block = decompressBlock(frame.subarray(at + 4, end));
    if (block === undefined) throw new Error(`the block of LZ4 at ${at} is damaged`);
    if (total + block.length > limit) throw new Error(`more than ${limit} bytes came out of the frame of LZ4`);
    blocks.push(block);
    total += block.length;
    at = end;
    await new Promise(setImmediate);
  }
  return Buffer.concat(blocks, total);
}

/**
 * Sequences of: a token, literals, and a copy of what came out before. The last one has literals alone. No closure shares its counters: V8 14 in Node 26.10
 * miscompiles such a loop (maglev), and one byte of the kernel is lost.
 */
function decompressBlock(input: Buffer): Buffer | undefined {
  const output = Buffer.allocUnsafe(blockBytes);
  let from = 0;
  let to = 0;
  while (from < input.length) {
    const token = input[from++] ?? 0;
    let literals = token >> 4;
    if (literals === 15) {
      let byte = 255;
      while (byte === 255) {
        byte = input[from++] ?? 0;
        literals += byte;
      }
    }
    if (from + literals > input.length || to + literals > blockBytes) return undefined;
    if (literals > 16) input.copy(output, to, from, from + literals);
    else for (let i = 0; i < literals; i++) output[to + i] = input[from + i] ?? 0;
    from += literals;
    to += literals;
    if (from === input.length) return output.subarray(0, to);
    const distance = (input[from] ?? 0) | ((input[from + 1] ?? 0) << 8);
    from += 2;
    let length = (token & 15) + 4;
    if (length === 19) {
      let byte = 255;
      while (byte === 255) {
        byte = input[from++] ?? 0;
        length += byte;
      }
    }
    if (distance === 0 || distance > to || to + length > blockBytes) return undefined;
    // What is copied may be what this copy has just written.
    if (distance >= length && length > 32) output.copyWithin(to, to - distance, to - distance + length);
    else for (let i = 0; i < length; i++) output[to + i] = output[to - distance + i] ?? 0;
    to += length;
  }
  return undefined;
}
