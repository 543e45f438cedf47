import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readdirSync, readlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { imageLayout, tarOf } from '@slipway/fixtures';
import type { Engine } from 'slipway';
import { expect, it } from 'vitest';
import { leftInPlace, type Place } from './place.ts';
import { everythingKept } from './store.ts';
import { placesInMemory } from './tmpfs.ts';

const newPlace = placesInMemory();
const demo = `oci:${imageLayout('demo')}:latest`;

function madeFifo({ folder }: Place): string {
  const fifo = path.join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  return fifo;
}

function isOpen(file: string): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false;
    }
  });
}

/** As if nothing had been done, and no descriptor more. */
async function leavesNothing(use: (engine: Engine, place: Place) => Promise<void>): Promise<void> {
  using place = newPlace();
  {
    await using engine = await place.open();
    await use(engine, place);
    while (isOpen(path.join(place.folder, 'fifo'))) await sleep(10);
  }
  expect(await everythingKept(place)).toEqual([]);
  expect(leftInPlace(place)).toEqual([]);
}

it.each(['that nobody writes to', 'whose writer has stopped'])('an import from a FIFO %s is canceled', (state) =>
  leavesNothing(async (engine, place) => {
    const fifo = madeFifo(place);
    const writer = state === 'that nobody writes to' ? undefined : openSync(fifo, constants.O_RDWR);
    if (writer !== undefined) writeSync(writer, Buffer.alloc(100, 'x'));
    const stop = new AbortController();
    const importing = engine.images.import(fifo, 'a', { signal: stop.signal });
    setTimeout(() => stop.abort(), 200);
    await expect(importing).rejects.toMatchObject({ kind: 'canceled' });
    if (writer !== undefined) closeSync(writer);
  }),
);

it('an import from a FIFO takes all that its writer has', () =>
  leavesNothing(async (engine, place) => {
    const fifo = madeFifo(place);
    const tar = tarOf([{ path: 'file', body: Buffer.alloc(1_000_000, 'x') }]);
    const writer = spawn('sh', ['-c', 'cat > "$0"', fifo], { stdio: ['pipe', 'ignore', 'ignore'] });
    const closed = once(writer, 'close');
    writer.stdin.end(tar);
    await engine.images.import(fifo, 'a');
    await closed;
    expect((await engine.images.inspect('a')).manifest.layers.map(({ size }) => size)).toEqual([tar.length]);
    await engine.images.remove('a');
  }));

it('a save to a FIFO that nobody reads is canceled', () =>
  leavesNothing(async (engine, place) => {
    await engine.pull(demo);
    const fifo = madeFifo(place);
    const nobody = new AbortController();
    setTimeout(() => nobody.abort(), 100);
    const output = { output: fifo, signal: nobody.signal };
    await expect(engine.images.save([demo], output)).rejects.toMatchObject({ kind: 'canceled' });
    expect(readdirSync(place.folder).filter((name) => name.includes('.slipway-'))).toEqual([]);
    await engine.images.remove(demo);
  }));
