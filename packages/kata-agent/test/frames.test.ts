import { encodeFrame, type Frame, FrameReader, frameTypes, maxFrameBytes } from '@slipway/kata-agent';
import fc from 'fast-check';
import { expect, it } from 'vitest';

function* framesOf(reader: FrameReader): Generator<Frame> {
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) yield frame;
}

it('are written as ttrpc has them', () => {
  const frame = encodeFrame({ stream: 3, type: frameTypes.request, payload: Buffer.from('abc') });
  expect(frame.toString('hex')).toBe('00000003000000030100616263');
  expect(() => encodeFrame({ stream: 1, type: 1, payload: Buffer.alloc(maxFrameBytes + 1) })).toThrow('too long');
});

it('are read as they were written, in whatever pieces they come', () => {
  const frame = fc.record({ stream: fc.nat(2 ** 31), type: fc.nat(255), payload: fc.uint8Array({ maxLength: 300 }) });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 400 })), (frames, cuts) => {
      const bytes = Buffer.concat(frames.map(encodeFrame));
      const reader = new FrameReader();
      const read: Frame[] = [];
      for (let at = 0, cut = 0; at < bytes.length; at += cuts[cut++ % cuts.length] ?? bytes.length) {
        reader.push(bytes.subarray(at, at + (cuts[cut % cuts.length] ?? bytes.length)));
        read.push(...framesOf(reader));
      }
      expect(read.map(({ payload, ...rest }) => ({ ...rest, payload: Uint8Array.from(payload) }))).toEqual(frames);
    }),
  );
});

it('are refused by their length, before anything of them has come', () => {
  const reader = new FrameReader();
  reader.push(Buffer.from('00400001000000010200', 'hex'));
  expect(() => reader.next()).toThrow('a frame of 4194305 bytes, at most 4194304 are possible');
  const largest = new FrameReader();
  largest.push(Buffer.from('00400000000000010200', 'hex'));
  expect(largest.next()).toBeUndefined();
});

it('of the largest size are put together once, not once for every piece', () => {
  const reader = new FrameReader();
  const frame = encodeFrame({ stream: 1, type: 2, payload: Buffer.alloc(maxFrameBytes, 7) });
  let copied = 0;
  const concat = Buffer.concat;
  Buffer.concat = ((list: readonly Buffer[], size?: number) => {
    copied += size ?? 0;
    return concat(list, size);
  }) as typeof Buffer.concat;
  try {
    for (let at = 0; at < frame.length; at += 4096) {
      reader.push(frame.subarray(at, at + 4096));
      if (at + 4096 < frame.length) expect(reader.next()).toBeUndefined();
    }
    expect(reader.next()?.payload.length).toBe(maxFrameBytes);
  } finally {
    Buffer.concat = concat;
  }
  expect(copied).toBeLessThan(2 * frame.length);
});
