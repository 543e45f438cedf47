import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WriteStream } from 'node:tty';
import { expect, test } from 'vitest';
import { BlobBars } from '../src/progress/blob-bars.js';
import { Rate } from '../src/progress/rate.js';
import { TransferLines } from '../src/progress/transfer-progress.js';
import { formatSeconds } from '../src/units.js';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;

/** A terminal that keeps what is written to it. */
function screen(): { readonly stream: WriteStream; shown(): string } {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 120, rows: 10 });
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { stream: stream as unknown as WriteStream, shown: () => text };
}

test('bars: one for each blob, with its rate, and one for all with the time left', async () => {
  const { stream, shown } = screen();
  using bars = new BlobBars(stream);
  bars.expect(30_000_000, 2);
  for (let current = 0; current <= 5_000_000; current += 500_000) {
    bars.show({ digest: digest('a'), phase: 'downloading', current, total: 20_000_000, moving: true, done: false });
    await sleep(60);
  }
  bars.show({ digest: digest('b'), phase: 'exists', current: 10_000_000, total: 10_000_000, moving: false, done: true });
  await sleep(300);
  expect(shown()).toMatch(/Total {9}.*15\.0 MB \/ 30\.0 MB {2}[\d.]+ MB\/s {2}\d+ s left/);
  expect(shown()).toMatch(/a{12} {2}downloading {2}\[=+ +\] 5\.0 MB \/ 20\.0 MB {2}[\d.]+ MB\/s/);
  expect(shown()).toMatch(/b{12} {2}exists {7}10\.0 MB/);
});

test('bars: those of blobs that are done make room for others', async () => {
  const { stream, shown } = screen();
  using bars = new BlobBars(stream);
  bars.expect(200, 20);
  for (const digit of '0123456789abcdef')
    bars.show({ digest: digest(digit), phase: 'unpacked', current: 10, total: 10, moving: false, done: true });
  await sleep(300);
  expect(shown()).toContain('f'.repeat(12));
});

test('a rate is that of the last seconds, and starts over when the count does', () => {
  const rate = new Rate();
  rate.add(0, 0);
  rate.add(100, 200);
  expect(rate.perSecond).toBeUndefined();
  rate.add(500, 1000);
  expect(rate.perSecond).toBe(500);
  for (let second = 2; second <= 20; second++) rate.add(500 + (second - 1) * 10, second * 1000);
  expect(rate.perSecond).toBeCloseTo(10);
  rate.add(0, 21_000);
  expect(rate.perSecond).toBeUndefined();
});

test.each([
  [0.4, '0 s'],
  [59.4, '59 s'],
  [125, '2 min 5 s'],
  [4200, '1 h 10 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test('plain transfers: one line for each blob and change of phase', () => {
  const lines: string[] = [];
  using progress = new TransferLines({ out: () => {}, err: (text) => void lines.push(text) });
  const blob = { mediaType: 'x', digest: digest('a'), size: 10 };
  progress.show({ type: 'blobs', blobs: [blob] });
  for (const current of [0, 5, 10]) progress.show({ type: 'blob', digest: blob.digest, phase: 'sending', current, total: 10 });
  progress.show({ type: 'blob', digest: blob.digest, phase: 'sent', current: 10, total: 10 });
  expect(lines.join('')).toBe(`1 blob, 10 B\n${'a'.repeat(12)}: sending 10 B\n${'a'.repeat(12)}: sent\n`);
});
