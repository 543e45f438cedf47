import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { imageLayout } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import { leftInPlace } from './place.ts';
import { placesInMemory } from './tmpfs.ts';

const small = `oci:${imageLayout('small')}:latest`;
const place = placesInMemory()();
afterAll(() => place[Symbol.dispose]());

const line = '0123456789abcde\n';
const pattern = Buffer.from(line.repeat(2 ** 17));
const total = 10 * 2 ** 30;
/** A file again and again: who writes byte for byte, as busybox' head does, takes more processor time than all that is tested. */
const fileBytes = 64 * 2 ** 20;
const source = [
  `yes 0123456789abcde | head -c ${pattern.length} > /part`,
  `for part in $(seq ${fileBytes / pattern.length}); do cat /part; done > /file`,
  `for time in $(seq ${total / fileBytes}); do cat /file; done`,
].join(' && ');
/** A reader that stops again and again; meanwhile everything before it must wait. */
const stopEvery = 256 * 2 ** 20;
const mib = 2 ** 20;

function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}

describe('10 GiB of output through a reader that is slow', () => {
  it('arrive byte for byte, and neither reader nor monitor grows', { timeout: 900_000 }, async () => {
    await using engine = await place.open();
    await using container = await engine.run({ image: small, args: ['sh', '-c', source] });
    const status = readFileSync(path.join(place.state, 'containers', container.id, 'status.json'), 'utf8');
    const { monitor } = JSON.parse(status) as { readonly monitor: { readonly pid: number } };
    let bytes = 0;
    let nextStop = stopEvery;
    let early: readonly number[] | undefined;
    const sizes = (): readonly number[] => [process.memoryUsage().rss, residentBytes(monitor.pid)];
    for await (const chunk of container.stdout ?? []) {
      const at = bytes % line.length;
      const { length } = chunk as Buffer;
      if (!(chunk as Buffer).equals(pattern.subarray(at, at + length)))
        throw new Error(`other bytes than were written, after ${bytes}`);
      bytes += length;
      if (bytes < nextStop) continue;
      nextStop += stopEvery;
      await sleep(20);
      early ??= sizes();
      for (const [index, size] of sizes().entries()) expect(size - (early[index] ?? 0)).toBeLessThan(64 * mib);
    }
    expect(bytes).toBe(total);
    expect(await container.wait()).toMatchObject({ exitCode: 0 });
    expect(leftInPlace(place)).toEqual([]);
  });
});
