import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { findMonitor } from '@slipway/monitor';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-monitor-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A bare monitor, spoken to byte by byte. */
class Raw {
  readonly child = spawn(findMonitor(), ['3'], { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  readonly control = this.child.stdio[3] as Socket;
  readonly exit = new Promise<readonly [number | null, string | null]>((resolve) =>
    this.child.once('exit', (code, signal) => resolve([code, signal])),
  );
  received = '';
  #waiters: (() => void)[] = [];

  constructor() {
    this.control.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      for (const check of this.#waiters) check();
    });
    this.control.on('error', () => {});
  }

  until(piece: string): Promise<void> {
    return new Promise((resolve) => {
      const check = () => this.received.includes(piece) && resolve();
      this.#waiters.push(check);
      check();
    });
  }

  send(...strings: string[]): void {
    this.control.write(frame(Buffer.from(strings.map((string) => `${string}\0`).join(''))));
  }
}

function frame(payload: Buffer, length = payload.length): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(length >>> 0);
  return Buffer.concat([header, payload]);
}

test('it greets with its version and ends with its client', async () => {
  const raw = new Raw();
  await raw.until('hello\x000\x002\0');
  raw.control.end();
  expect(await raw.exit).toEqual([0, null]);
});

test.each([
  ['a length of 4 GiB', frame(Buffer.from('a\0b\0'), 0xffffffff)],
  ['a length of 64 KiB + 1', frame(Buffer.alloc(65_537, 'a'))],
  ['no length', frame(Buffer.alloc(0))],
  ['no NUL at the end', frame(Buffer.from('signal\x001\x009'))],
  ['no id', frame(Buffer.from('signal\0'))],
  ['too many strings', frame(Buffer.alloc(65_536))],
])('a frame with %s ends the connection with a reason, and the monitor in order', async (_, bytes) => {
  const raw = new Raw();
  await raw.until('hello');
  raw.control.write(bytes);
  await raw.until('failed\x000\0protocol\0');
  expect(await raw.exit).toEqual([0, null]);
});

test.each([
  [['dance', '1']],
  [['setup', '1', '/tmp']],
  [['setup', '1', '/nowhere/at/all', '1', '1000', '/bin/true']],
  [['setup', '1', '/tmp', 'yes', '1000', '/bin/true']],
  [['setup', '1', '/tmp', '1', '-5', '/bin/true']],
  [['mount', '1', '0', '/tmp']],
  [['mount', '1', '99999999999999999999', '/tmp']],
  [['mount', '1', '77', '/tmp']],
  [['create', '1', '1000', 'pid', '0', '0', '/bin/true']],
  [['start', '1', '1000', '/bin/true']],
  [['signal', '1', '9']],
  [['signal', '1', '-9']],
  [['signal', '1', '']],
  [['resize', '1', '80', '24']],
  [['x'.repeat(60_000), '1']],
])('the request %j is refused and the next one is answered', async (strings) => {
  const raw = new Raw();
  raw.send(...strings);
  await raw.until('failed\x001\0');
  raw.send('close-stdin', '2');
  await raw.until('ok\x002\0');
  raw.control.end();
  expect(await raw.exit).toEqual([0, null]);
});

test('an id that is too long is refused', async () => {
  const raw = new Raw();
  raw.send('signal', '1'.repeat(24), '9');
  await raw.until('failed\x000\0protocol\0');
  raw.control.end();
  expect(await raw.exit).toEqual([0, null]);
});

test('random bytes never end it by a signal', async () => {
  for (let round = 0; round < 50; round++) {
    const raw = new Raw();
    for (let i = 0; i < 20; i++) {
      const payload = randomBytes(1 + Math.floor(Math.random() * 200));
      raw.control.write(round % 2 === 0 ? payload : frame(Buffer.concat([payload, Buffer.from([0])])));
    }
    raw.control.end();
    const [, signal] = await raw.exit;
    expect(signal).toBeNull();
  }
});

test('a request in single bytes, and a hundred in one piece, are all answered', async () => {
  const raw = new Raw();
  for (const byte of frame(Buffer.from('close-stdin\x00single\0'))) raw.control.write(Buffer.from([byte]));
  await raw.until('ok\0single\0');
  raw.control.write(Buffer.concat(Array.from({ length: 100 }, (_, i) => frame(Buffer.from(`close-stdin\0n${i}\0`)))));
  await raw.until('ok\0n99\0');
  raw.control.end();
  expect(await raw.exit).toEqual([0, null]);
});

test('a client that sends and never reads does not make it grow', async () => {
  const raw = new Raw();
  await raw.until('hello');
  raw.control.pause();
  const request = Buffer.concat(Array.from({ length: 1000 }, (_, i) => frame(Buffer.from(`dance\0${i}\0`))));
  // It takes the client for gone when its answers pile up, and ends.
  const timer = setInterval(() => raw.control.write(request), 1);
  await raw.exit;
  clearInterval(timer);
});

test('an idle monitor takes less than 1 MiB', async () => {
  const raw = new Raw();
  await raw.until('hello');
  const rollup = readFileSync(`/proc/${raw.child.pid}/smaps_rollup`, 'utf8');
  expect(Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1])).toBeLessThan(1024);
  raw.control.end();
  await raw.exit;
});
