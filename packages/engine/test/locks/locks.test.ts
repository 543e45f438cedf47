import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileLock, isBusy, lockFile, removeFreeLocks, takeLock, tryLockFile } from '../../dist/locks/index.js';

let root: string;
let file: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'slipway-locks-'));
  file = lockFile(root, 'unpack', 'overlay', 'sha256:1');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const never = (): boolean => false;

function held(): FileLock {
  const lock = tryLockFile(file);
  if (isBusy(lock)) throw new Error('the lock is busy');
  return lock;
}

/** A process that has the lock, until it is killed. */
async function holder(told: number): Promise<{ kill(): Promise<void> }> {
  const program = `
    import { tryLockFile } from ${JSON.stringify(import.meta.resolve('../../dist/locks/index.js'))};
    const lock = tryLockFile(${JSON.stringify(file)});
    await new Promise((resolve) => setTimeout(resolve, 150));
    lock.tell(${told});
    process.stdout.write('held');
    setInterval(() => lock, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  return {
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

describe('a lock on a file', () => {
  it('has one holder, in one process too, and leaves no file', () => {
    const lock = held();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(tryLockFile(file)).toEqual({ told: 0 });
    lock[Symbol.dispose]();
    lock[Symbol.dispose]();
    expect(readdirSync(path.dirname(file))).toEqual([]);
    using again = held();
    expect(again.wasAbandoned).toBe(false);
  });

  it('is free when its holder is killed, and says so', async () => {
    const process = await holder(4711);
    expect(tryLockFile(file)).toEqual({ told: 4711 });
    await process.kill();
    using lock = held();
    expect(lock.wasAbandoned).toBe(true);
    // What the dead one told is no progress of the new one.
    expect(tryLockFile(file)).toEqual({ told: 0 });
  });

  it('different things have different locks, whatever their names', () => {
    const files = [
      lockFile(root, 'a', 'b/../c'),
      lockFile(root, 'a', 'b', 'c'),
      lockFile(root, 'a', '"b"'),
      lockFile(root, 'ab'),
    ];
    expect(new Set(files).size).toBe(4);
    for (const name of files) expect(path.dirname(name)).toBe(path.join(root, 'locks'));
  });

  it('what killed holders left is removed, what is held stays', async () => {
    const process = await holder(1);
    using other = tryLockFile(lockFile(root, 'other')) as FileLock;
    expect(other.wasAbandoned).toBe(false);
    await process.kill();
    removeFreeLocks(root);
    expect(readdirSync(path.join(root, 'locks'))).toEqual([path.basename(lockFile(root, 'other'))]);
    rmSync(path.join(root, 'locks'), { recursive: true });
    removeFreeLocks(root);
  });
});

describe('waiting for a lock', () => {
  it('shows what the holder tells, and gets the lock when the holder is killed', async () => {
    const process = await holder(4711);
    const told: number[] = [];
    const seen = Promise.withResolvers<void>();
    const waiting = takeLock(file, {
      what: 'test',
      isDone: never,
      onTold: (bytes) => {
        told.push(bytes);
        seen.resolve();
      },
    });
    await seen.promise;
    await process.kill();
    using lock = await waiting;
    expect(lock?.wasAbandoned).toBe(true);
    expect(new Set(told)).toEqual(new Set([4711]));
  });

  it('ends without the lock when the work is done, also by one who has it still', async () => {
    using lock = held();
    let isDone = false;
    const waiting = takeLock(file, { what: 'test', isDone: () => isDone });
    isDone = true;
    expect(await waiting).toBeUndefined();
    lock[Symbol.dispose]();
    expect(await takeLock(file, { what: 'test', isDone: async () => true })).toBeUndefined();
    expect(existsSync(file)).toBe(false);
  });

  it('ends within a moment when aborted', async () => {
    using _lock = held();
    const abort = new AbortController();
    const waiting = takeLock(file, { what: 'test', isDone: never, signal: abort.signal });
    setTimeout(() => abort.abort(), 300);
    await expect(waiting).rejects.toMatchObject({ kind: 'canceled' });
  });

  it('frees the lock when the look at the work fails', async () => {
    const failing = takeLock(file, { what: 'test', isDone: () => Promise.reject(new Error('no metadata')) });
    await expect(failing).rejects.toThrow('no metadata');
    expect(existsSync(file)).toBe(false);
  });

  it('of many, in turn, each has it alone', async () => {
    let [inside, most] = [0, 0];
    const work = async (): Promise<void> => {
      using lock = await takeLock(file, { what: 'test', isDone: never });
      expect(lock?.wasAbandoned).toBe(false);
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 1));
      inside--;
    };
    await Promise.all(Array.from({ length: 30 }, work));
    expect(most).toBe(1);
    expect(existsSync(file)).toBe(false);
  });
});
