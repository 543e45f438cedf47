import { encodeFrame, type Frame, FrameReader, frameTypes, maxFrameBytes } from '@slipway/kata-agent';
import fc from 'fast-check';
import { expect, it } from 'vitest';

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
      for (let at = 0, cut = 0; at < bytes.length; cut++) {
        const size = cuts[cut % cuts.length] ?? bytes.length;
        read.push(...reader.read(bytes.subarray(at, at + size)));
        at += size;
      }
      expect(read.map(({ payload, ...rest }) => ({ ...rest, payload: Uint8Array.from(payload) }))).toEqual(frames);
    }),
  );
});

it('are refused by their length, before anything of them has come', () => {
  const read = (header: string): Frame[] => [...new FrameReader().read(Buffer.from(header, 'hex'))];
  expect(() => read('00400001000000010200')).toThrow('a frame of 4194305 bytes, at most 4194304 are possible');
  expect(read('00400000000000010200')).toEqual([]);
  const small = (header: string): Frame[] => [...new FrameReader(131_072).read(Buffer.from(header, 'hex'))];
  expect(() => small('00020001000000010200')).toThrow('a frame of 131073 bytes, at most 131072 are possible');
  expect(small('00020000000000010200')).toEqual([]);
});

it('keep nothing alive but themselves, though every byte comes alone', () => {
  const reader = new FrameReader();
  const frame = encodeFrame({ stream: 1, type: 2, payload: Buffer.alloc(200_000, 7) });
  const read: Frame[] = [];
  const before = process.memoryUsage().external;
  for (const byte of frame) read.push(...reader.read(Buffer.alloc(1, byte)));
  expect(read.map(({ payload }) => payload.length)).toEqual([200_000]);
  expect(process.memoryUsage().external - before).toBeLessThan(100 << 20);
});
