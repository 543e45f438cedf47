import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { openStore, temporaryFolder } from './open-store.ts';

const childFile = fileURLToPath(new URL('child.ts', import.meta.url));

function folderOfTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

function start(...args: readonly string[]): { readonly child: ChildProcess; readonly lines: AsyncIterator<string> } {
  const child = spawn(process.execPath, [childFile, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

const next = async (lines: AsyncIterator<string>): Promise<string> => String((await lines.next()).value);

test('the writer of another process makes a ref unavailable, until that process dies', async () => {
  const root = folderOfTest();
  await using opened = await openStore(root);
  const { store } = opened;
  const { child, lines } = start(root, 'hold', 'r', '3000000');
  expect(await next(lines)).toBe('holding');
  await expect(store.writer({ ref: 'r' })).rejects.toMatchObject({ kind: 'unavailable', code: 'CONTENT_INGEST_BUSY' });
  await expect(store.abort('r')).rejects.toMatchObject({ kind: 'unavailable' });
  expect((await store.listStatuses()).map(({ ref }) => ref)).toEqual(['r']);
  expect((await store.status('r')).offset).toBeLessThanOrEqual(3_000_000);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  await using writer = await store.writer({ ref: 'r' });
  // Whole buffers had been handed on; the last one died with the process.
  expect(writer.status().offset % (1024 * 1024)).toBe(0);
});

test('processes that write one ref at the same moment: one writer at a time, one blob', async () => {
  const root = folderOfTest();
  await using opened = await openStore(root);
  for (let round = 0; round < 5; round++) {
    const results = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const { lines } = start(root, 'commit', 'r', '2500000');
        const first = await next(lines);
        return first === 'begin' ? await next(lines) : first;
      }),
    );
    const digests = results.filter((result) => result.startsWith('sha256:'));
    expect(digests).toHaveLength(1);
    expect(results.filter((result) => !['unavailable', 'already-exists'].includes(result))).toEqual(digests);
    expect(await opened.store.listStatuses()).toEqual([]);
    await opened.store.delete(String(digests[0]));
  }
});

test('a removed ingest takes its lock with it: dropping and opening race without two owners', async () => {
  const root = folderOfTest();
  await using one = await openStore(root);
  await using two = await openStore(root);
  let owners = 0;
  const work = async (store: typeof one.store): Promise<void> => {
    for (let round = 0; round < 300; round++) {
      try {
        await using writer = await store.writer({ ref: 'r' });
        expect(++owners).toBe(1);
        await writer.write(Buffer.of(round));
        owners--;
        await writer.commit({ size: 99_999 });
      } catch (error) {
        expect(error).toHaveProperty('kind', expect.stringMatching(/^(unavailable|failed-precondition)$/));
      }
      await store.abort('r').catch(() => {});
    }
  };
  await Promise.all([work(one.store), work(two.store), work(one.store)]);
  expect(await one.store.listStatuses()).toEqual([]);
});
