import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Operation } from '../../dist/operations/operation.js';
import { heldResources, recoverOperations } from '../../dist/operations/recovery.js';
import { fakeParts } from '../parts.ts';
import { isLive } from './is-live.ts';

let parts: ReturnType<typeof fakeParts>;
const records = (): string[] => readdirSync(path.join(parts.settings.state, 'ops'));

beforeEach(() => {
  parts = fakeParts();
});
afterEach(() => parts[Symbol.dispose]());

describe('an operation', () => {
  it('releases what is still held, last first, and removes its record', async () => {
    {
      await using operation = Operation.begin(parts, 'test');
      operation.acquire({ kind: 'ingest', ref: 'a' });
      const forgotten = operation.acquire({ kind: 'ingest', ref: 'b' });
      operation.acquire({ kind: 'snapshot', snapshotter: 's', key: 'c' });
      forgotten.forget();
      expect(records()).toEqual([operation.id]);
    }
    expect(parts.released).toEqual(['snapshot s c', 'ingest a']);
    expect(records()).toEqual([]);
  });

  it('goes on when one release fails, and leaves its record for the next command', async () => {
    parts.failing.add('snapshot s c');
    const operation = Operation.begin(parts, 'test');
    operation.acquire({ kind: 'ingest', ref: 'a' });
    operation.acquire({ kind: 'snapshot', snapshotter: 's', key: 'c' });
    await operation.end();
    expect(parts.released).toEqual(['ingest a']);
    parts.failing.clear();
    await recoverOperations(parts);
    expect(parts.released).toContain('snapshot s c');
    expect(records()).toEqual([]);
  });

  it('is live for others while it is held, and left alone', async () => {
    await using operation = Operation.begin(parts, 'test');
    operation.acquire({ kind: 'ingest', ref: 'a' });
    expect(isLive(parts.settings.state, operation.id)).toBe(true);
    await recoverOperations(parts);
    expect(parts.released).toEqual([]);
    expect(isLive(parts.settings.state, 'other-1')).toBe(false);
  });

  it('stays live while a process that inherited its descriptor lives, and is recovered when that is killed', async () => {
    const operation = Operation.begin(parts, 'test');
    operation.acquire({ kind: 'ingest', ref: 'a' });
    const child = spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', operation.fd] });
    const { closeSync } = await import('node:fs');
    closeSync(operation.fd);
    expect(isLive(parts.settings.state, operation.id)).toBe(true);
    await recoverOperations(parts);
    expect(parts.released).toEqual([]);

    child.kill('SIGKILL');
    await once(child, 'exit');
    await recoverOperations(parts);
    expect(parts.released).toEqual(['ingest a']);
    expect(records()).toEqual([]);
  });

  it('is left to its own root: an engine of another root on the same state folder took its record away', async () => {
    using other = fakeParts();
    const shared = { ...other, settings: { ...other.settings, state: parts.settings.state } };
    parts.failing.add('ingest a');
    const operation = Operation.begin(parts, 'test');
    operation.acquire({ kind: 'ingest', ref: 'a' });
    await operation.end();
    await recoverOperations(shared);
    expect(other.released).toEqual([]);
    expect(records()).toEqual([operation.id]);

    parts.failing.clear();
    await recoverOperations(parts);
    expect(parts.released).toEqual(['ingest a']);
    expect(records()).toEqual([]);
  });

  it('bug: one of a known name failed with EEXIST while somebody took its beginning for abandoned', async () => {
    const begun: string[] = [];
    const real = linux.tryFlock.bind(linux);
    const flock = vi.spyOn(linux, 'tryFlock').mockImplementation((fd, mode) => {
      begun.push(path.basename(readlinkSync(`/proc/self/fd/${fd}`)));
      return begun.length > 1 && real(fd, mode);
    });
    const operation = Operation.begin(parts, 'run', 'known');
    flock.mockRestore();
    expect(operation.id).toBe('run-known');
    expect(new Set(begun).size).toBe(2);
    await operation.end();
    await recoverOperations(parts);
    expect(records()).toEqual([]);
  });

  it('never removes a folder that is not a bundle', async () => {
    const precious = path.join(parts.settings.root, 'precious');
    mkdirSync(precious);
    {
      await using operation = Operation.begin(parts, 'test');
      operation.acquire({ kind: 'bundle', directory: precious });
      // Its last part is a folder directly below "containers", and removed the whole state folder.
      operation.acquire({ kind: 'bundle', directory: `${parts.settings.state}/containers/..` });
      operation.acquire({ kind: 'bundle', directory: path.join(parts.settings.state, 'containers', '..', '..', 'precious') });
    }
    expect(existsSync(precious)).toBe(true);
    expect(existsSync(path.join(parts.settings.state, 'ops'))).toBe(true);
  });
});

describe('a record', () => {
  it('holds what was acquired and not forgotten; a last line that was cut was never acquired', () => {
    const lines = [
      JSON.stringify({ line: 0, acquire: { kind: 'ingest', ref: 'a' } }),
      JSON.stringify({ line: 1, acquire: { kind: 'ingest', ref: 'b' } }),
      JSON.stringify({ forget: 0 }),
      'junk',
      JSON.stringify({ line: 2, acquire: { kind: 'unheard-of' } }),
    ];
    expect(heldResources(`${lines.join('\n')}\n{"line":3,"acquire":{"kind":"ingest","ref":"c"}`)).toEqual([
      { kind: 'ingest', ref: 'b' },
    ]);
    expect(heldResources('')).toEqual([]);
  });

  it('that nobody locks is replayed in reverse, junk beside it too', async () => {
    const folder = path.join(parts.settings.state, 'ops');
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, 'pull-1');
    writeFileSync(file, '');
    for (const [line, ref] of ['x', 'y'].entries())
      appendFileSync(file, `${JSON.stringify({ line, acquire: { kind: 'ingest', ref } })}\n`);
    writeFileSync(path.join(folder, '.pull-2'), '');
    await recoverOperations(parts);
    expect(parts.released).toEqual(['ingest y', 'ingest x']);
    expect(records()).toEqual([]);
  });
});
