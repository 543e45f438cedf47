import { appendFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEntry } from '@slipway/plugin-api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expected, LogWriter, longestPiece, shown, type WrittenPiece } from './log-writer.js';

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const piece = fc.record({
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  tag: fc.constantFrom('F' as const, 'F' as const, 'P' as const),
  text: fc
    .oneof(
      { weight: 8, arbitrary: fc.uint8Array({ maxLength: 60 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: longestPiece }).map((length) => new Uint8Array(length).fill(0xc3)) },
    )
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 10 ? 11 : byte)))),
});

/** The lines of each stream are whole runs of pieces: the last so many of them. */
function lastLines(pieces: readonly WrittenPiece[], lines: number): WrittenPiece[] {
  const begun = new Set<string>();
  let left = lines;
  let at = pieces.length;
  while (at > 0) {
    const { stream, tag } = pieces[at - 1]!;
    if (tag === 'F' || !begun.has(stream)) {
      if (left === 0) break;
      left--;
      begun.add(stream);
    }
    at--;
  }
  return pieces.slice(at);
}

test('any lines come back as they were written, whole, by stream, by time, and the last of them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 120 }),
      fc.nat(30),
      fc.nat(120),
      fc.integer({ min: 500, max: 40_000 }),
      async (pieces, lines, at, maxBytes) => {
        using log = new LogWriter(maxBytes, 200);
        for (const { stream, tag, text } of pieces) log.write(stream, text, tag);
        expect(shown(await log.all())).toEqual(expected(log.pieces));
        expect(shown(await log.all({ tail: lines }))).toEqual(expected(lastLines(log.pieces, lines)));
        const errors = log.pieces.filter(({ stream }) => stream === 'stderr');
        expect(shown(await log.all({ stdout: false }))).toEqual(expected(errors));
        expect(shown(await log.all({ stdout: false, tail: lines }))).toEqual(expected(lastLines(errors, lines)));
        const time = log.pieces[at]?.time;
        if (time === undefined) return;
        const moment = new Date(time);
        const since = log.pieces.filter((one) => one.time >= moment.toISOString().replace('Z', '000000Z'));
        expect(shown(await log.all({ since: moment }))).toEqual(expected(since));
        expect(shown(await log.all({ until: moment }))).toEqual(expected(log.pieces.slice(0, log.pieces.length - since.length)));
        expect(shown(await log.all({ since: moment, tail: lines }))).toEqual(expected(lastLines(since, lines)));
      },
    ),
    { numRuns: 40 },
  );
});

test('no descriptor is left, read to the end or not', async () => {
  using log = new LogWriter(200, 9);
  for (let index = 0; index < 20; index++) log.write('stdout', `${index}`);
  // The first watch of a process opens inotify, which stays.
  for await (const _ of log.read({ follow: true })) break;
  const before = descriptors();
  await log.all();
  for await (const _ of log.read({ follow: true })) break;
  for await (const { line } of log.read({ tail: 3 })) if (line === '18') break;
  expect(descriptors()).toBe(before);
});

test('nothing written yet: nothing, and a follower sees the first line', async () => {
  using log = new LogWriter();
  expect(await log.all()).toEqual([]);
  expect(await log.all({ tail: 5 })).toEqual([]);
  const lines = log.read({ follow: true });
  const first = lines.next();
  await sleep(50);
  log.write('stdout', 'hello');
  expect((await first).value?.line).toBe('hello');
  await lines.return?.();
});

describe('what a machine that stopped left', () => {
  test('half a line at the end is not told, and comes when it is whole', async () => {
    using log = new LogWriter();
    log.write('stdout', 'whole');
    appendFileSync(log.file, '2026-11-22T08:00:00.000000000Z stdout F ha');
    expect((await log.all()).map(({ line }) => line)).toEqual(['whole']);
    expect((await log.all({ tail: 1 })).map(({ line }) => line)).toEqual(['whole']);
    appendFileSync(log.file, 'lf\n');
    expect((await log.all({ tail: 1 })).map(({ line }) => line)).toEqual(['half']);
  });

  test('zeros, torn lines and endless ones are passed over, and the lines around them told', async () => {
    using log = new LogWriter(1 << 30);
    log.write('stdout', 'one');
    for (const junk of [
      Buffer.alloc(5000),
      'x'.repeat(700_000),
      '2026-11-22T08:00:00.0Z stdout',
      'a b c d',
      ' ',
      '2026-11-22T08:00:00.000000000Z stdfoo F x',
    ])
      appendFileSync(log.file, Buffer.concat([Buffer.from(junk), Buffer.from('\n')]));
    log.write('stderr', 'two');
    expect((await log.all()).map(({ line }) => line)).toEqual(['one', 'two']);
    expect((await log.all({ tail: 2 })).map(({ line }) => line)).toEqual(['one', 'two']);
    expect((await log.all({ tail: 1 })).map(({ line }) => line)).toEqual(['two']);
  });

  test('of a line that is taken back, as by a monitor whose disk is full, nothing is told', async () => {
    using log = new LogWriter();
    log.write('stdout', 'one');
    const { size } = statSync(log.file);
    const lines = log.read({ follow: true });
    expect((await lines.next()).value?.line).toBe('one');
    const next = lines.next();
    appendFileSync(log.file, '2026-11-22T08:00:00.000000000Z stdout F never whole');
    await sleep(100);
    truncateSync(log.file, size);
    log.write('stdout', 'two');
    expect((await next).value?.line).toBe('two');
    await lines.return?.();
  });
});

describe('following', () => {
  test('every line arrives, in order, over hundreds of rotations, and it ends when the container has', async () => {
    using log = new LogWriter(4000, 1000);
    const total = 5000;
    const writing = (async () => {
      for (let index = 0; index < total; index++) {
        log.write(index % 3 === 0 ? 'stderr' : 'stdout', `line ${index}`);
        if (index % 50 === 0) await sleep(1);
      }
      log.isLive = false;
      // As the monitor tells its last word.
      writeFileSync(`${log.directory}/status.json`, '{}');
    })();
    const entries = await log.all({ follow: true });
    await writing;
    expect(shown(entries)).toEqual(expected(log.pieces));
  });

  test('a slow follower of a log whose files go says so, and has told what was before', async () => {
    using log = new LogWriter(300, 3);
    log.write('stdout', 'first');
    const lines = log.read({ follow: true });
    const seen: LogEntry[] = [];
    seen.push((await lines.next()).value as LogEntry);
    for (let index = 0; index < 100; index++) log.write('stdout', `line ${index}`);
    const failure = (async () => {
      for (;;) seen.push((await lines.next()).value as LogEntry);
    })();
    await expect(failure).rejects.toMatchObject({ kind: 'data-loss', code: 'LOG_BEHIND' });
    expect(shown(seen)).toEqual(expected(log.pieces.slice(0, seen.length)));
  });

  test('a log of a single file is followed with what there is', async () => {
    using log = new LogWriter(300, 1);
    log.write('stdout', 'first');
    const lines = log.read({ follow: true });
    expect((await lines.next()).value?.line).toBe('first');
    for (let index = 0; index < 100; index++) log.write('stdout', `line ${index}`);
    log.isLive = false;
    writeFileSync(`${log.directory}/status.json`, '{}');
    const rest = await Array.fromAsync(lines);
    expect(shown(rest).at(-1)).toEqual(expected(log.pieces).at(-1));
    for (const entry of shown(rest)) expect(expected(log.pieces)).toContainEqual(entry);
  });

  test('tail 0 tells only what comes', async () => {
    using log = new LogWriter(300, 5);
    for (let index = 0; index < 10; index++) log.write('stdout', `old ${index}`);
    const lines = log.read({ follow: true, tail: 0 });
    const next = lines.next();
    await sleep(50);
    log.write('stdout', 'new');
    expect((await next).value?.line).toBe('new');
    await lines.return?.();
  });

  test('it ends at the time that is given, and when it is canceled', async () => {
    using log = new LogWriter();
    log.write('stdout', 'one');
    expect(await log.all({ follow: true, until: new Date(Date.now() + 100) })).toHaveLength(1);
    const stop = new AbortController();
    const lines = log.read({ follow: true, signal: stop.signal });
    await lines.next();
    const next = lines.next();
    stop.abort();
    await expect(next).rejects.toMatchObject({ kind: 'canceled' });
  });
});

test('several calls at once get one line each, in order', async () => {
  using log = new LogWriter();
  for (let index = 0; index < 5; index++) log.write('stdout', `${index}`);
  const lines = log.read();
  const results = await Promise.all([1, 2, 3, 4, 5, 6].map(() => lines.next()));
  expect(results.map(({ value, done }) => (done === true ? 'end' : (value as LogEntry).line))).toEqual([
    '0',
    '1',
    '2',
    '3',
    '4',
    'end',
  ]);
});
