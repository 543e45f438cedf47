import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { EventLine, EventsOptions } from '@slipway/plugin-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emit, emitOfContainer } from '../../dist/events/emit.js';
import { engineEvents } from '../../dist/events/follow.js';
import { eventsFolder, journalFile, keptJournals, maxJournalBytes } from '../../dist/events/journal.js';
import { containersTable, takeName } from '../../dist/metadata/containers.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { containerRow } from '../containers/row.ts';
import { fakeParts } from '../parts.ts';

let parts: ReturnType<typeof fakeParts>;
beforeEach(() => {
  parts = fakeParts();
});
afterEach(() => parts[Symbol.dispose]());

function tell(id: string, action = 'test', attributes: EventLine['attributes'] = {}): void {
  emit(parts, { type: 'container', action, id, attributes });
}

/** Follows from now on; `stop` ends it and gives what was told. */
function follow(options: EventsOptions = {}): { readonly seen: EventLine[]; stop(): Promise<EventLine[]> } {
  const stopping = new AbortController();
  const seen: EventLine[] = [];
  const events = engineEvents(parts, { ...options, signal: stopping.signal });
  const first = events.next();
  const reading = (async () => {
    for (let next = await first; next.done !== true; next = await events.next()) seen.push(next.value);
  })();
  return {
    seen,
    stop: async () => {
      stopping.abort();
      await expect(reading).rejects.toMatchObject({ kind: 'canceled' });
      return seen;
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !holds(); ) {
    if (Date.now() > deadline) throw new Error('it did not come');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function since(options: EventsOptions = {}): Promise<string[]> {
  const told: string[] = [];
  for await (const { id } of engineEvents(parts, { since: new Date(0), until: new Date(), ...options })) told.push(id);
  return told;
}

describe('events', () => {
  it('are told as they are written, from when one began to follow, each once', async () => {
    tell('before');
    const following = follow();
    // The first look is over when the folder is watched.
    await new Promise((resolve) => setTimeout(resolve, 200));
    tell('one');
    tell('two');
    await until(() => following.seen.length >= 2);
    expect((await following.stop()).map(({ id }) => id)).toEqual(['one', 'two']);
  });

  it('of the past are told by time, and there it ends', async () => {
    tell('one');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const between = new Date();
    await new Promise((resolve) => setTimeout(resolve, 20));
    tell('two');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await since()).toEqual(['one', 'two']);
    expect(await since({ since: between })).toEqual(['two']);
    expect(await since({ until: between })).toEqual(['one']);
    // Far later than the event, also where this process has to wait for a processor.
    const soon = new Date(Date.now() + 3000);
    setTimeout(() => tell('three'), 50);
    expect(await since({ until: soon })).toEqual(['one', 'two', 'three']);
  });

  it('are chosen by type, action, container and labels', async () => {
    const id = 'abc'.padEnd(64, '0');
    const row = containerRow({ name: 'web', labels: { tier: 'a' } });
    await parts.metadata.write((tx) => {
      takeName(tx, 'web', id);
      tx.put(containersTable, rowKey(id), row);
    });
    emitOfContainer(parts, 'create', { id, row });
    tell(id, 'start');
    tell('def'.padEnd(64, '0'), 'start');
    emit(parts, { type: 'volume', action: 'create', id: 'data', attributes: {} });
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await since({ filters: { type: ['volume'] } })).toEqual(['data']);
    expect(await since({ filters: { action: ['create'] } })).toEqual([id, 'data']);
    for (const container of ['web', 'abc', id]) expect(await since({ filters: { container: [container] } })).toEqual([id, id]);
    // A monitor knows no labels: they are added.
    expect(await since({ filters: { label: ['tier=a'] } })).toEqual([id, id]);
    expect(await since({ filters: { label: ['tier=b'] } })).toEqual([]);
  });

  it('keep their line short, and pass over what is none', async () => {
    tell('long', 'create', { short: 'kept', long: 'x'.repeat(5000) });
    expect(statSync(journalFile(parts.settings.state)).size).toBeLessThan(4096);
    appendFileSync(journalFile(parts.settings.state), 'junk\n{"time":1}\n\n');
    tell('after');
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await since()).toEqual(['long', 'after']);
  });

  it('of a container with ten thousand labels are told without minutes of work, short', async () => {
    const labels = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`label.${index}`, 'v'.repeat(700)]));
    const row = containerRow({ name: 'much', labels: { ...labels, tier: 'a' } });
    emitOfContainer(parts, 'create', { id: 'a'.repeat(64), row });
    expect(statSync(journalFile(parts.settings.state)).size).toBeLessThanOrEqual(4096);
    await new Promise((resolve) => setTimeout(resolve, 10));
    const following = engineEvents(parts, { since: new Date(0), until: new Date() });
    expect((await following.next()).value).toMatchObject({ attributes: { name: 'much', tier: 'a', 'label.0': 'v'.repeat(700) } });
    await following.return();
  });

  it('that cannot be told fail nothing', () => {
    const folder = eventsFolder(parts.settings.state);
    mkdirSync(path.dirname(folder), { recursive: true });
    appendFileSync(folder, 'a file in its place');
    tell('lost');
  });

  it('are told on when a process is killed while it puts the journal aside', async () => {
    const script = path.join(import.meta.dirname, 'emitter.ts');
    const run = async (name: string, count: number, ...killAt: string[]): Promise<unknown[]> =>
      once(spawn(process.execPath, [script, parts.settings.state, name, String(count), ...killAt]), 'exit');
    expect(await run('first', 4000, 'events.rotated')).toEqual([null, 'SIGKILL']);
    const told = (await since()).length;
    expect(told).toBeGreaterThan(2000);
    expect(await run('second', 4000)).toEqual([0, null]);
    const after = await since();
    expect(after.slice(0, told)).toEqual(Array.from({ length: told }, (_, index) => `first-${index}`));
    expect(after.slice(told)).toEqual(Array.from({ length: 4000 }, (_, index) => `second-${index}`));
  });

  it('of many processes at once all arrive, whole and in the order of each, over the ends of full journals', async () => {
    tell('first');
    const following = follow({ filters: { action: ['test'] } });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const [writers, count] = [3, 4000];
    const script = path.join(import.meta.dirname, 'emitter.ts');
    const children = Array.from({ length: writers }, (_, number) =>
      spawn(process.execPath, [script, parts.settings.state, `p${number}`, String(count)], {
        stdio: ['ignore', 'ignore', 'inherit'],
      }),
    );
    expect((await Promise.all(children.map((child) => once(child, 'exit')))).map(([code]) => code as number)).toEqual(
      children.map(() => 0),
    );
    await until(() => following.seen.length >= writers * count);
    const seen = await following.stop();
    for (let number = 0; number < writers; number++) {
      const own = seen.flatMap(({ id }) => (id.startsWith(`p${number}-`) ? [Number(id.split('-')[1])] : []));
      expect(own.length).toBe(count);
      expect(own).toEqual(Array.from({ length: count }, (_, index) => index));
    }
    const full = readdirSync(eventsFolder(parts.settings.state)).filter((name) => /^journal\.\d+$/.test(name));
    expect(full.length).toBeGreaterThan(1);
    expect(full.length).toBeLessThanOrEqual(keptJournals);
    expect(statSync(journalFile(parts.settings.state)).size).toBeLessThan(maxJournalBytes + 64 * 1024);
  });
});
