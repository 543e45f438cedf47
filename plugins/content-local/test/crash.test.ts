import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openStore, temporaryFolder } from './open-store.ts';

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

function folderOfTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

const steps = [
  'content.ingest.opened',
  'content.ingest.written',
  'content.commit.synced',
  'content.commit.renamed',
  'content.commit.durable',
] as const;

describe.each([1000, 5_000_000])('killed with %i bytes', (size) => {
  test.each(steps)('at %s: no wrong blob is seen, and a retry works', async (step) => {
    const root = folderOfTest();
    const content = Buffer.alloc(size, 'abcdefg');
    const digest = digestOf(content);
    const child = spawnSync(
      process.execPath,
      ['--import', file('kill-at-step.ts'), file('child.ts'), root, 'commit', 'r', String(size)],
      { env: { ...process.env, SLIPWAY_KILL_AT: step } },
    );
    expect(child.signal).toBe('SIGKILL');

    await using opened = await openStore(root);
    const { store } = opened;
    const seen: string[] = [];
    for await (const info of store.walk()) {
      seen.push(info.digest);
      await using reader = await store.readerAt(info.digest);
      const bytes = Buffer.alloc(reader.size);
      await reader.read(bytes, 0);
      expect(digestOf(bytes)).toBe(info.digest);
    }
    const renamed = step === 'content.commit.renamed' || step === 'content.commit.durable';
    expect(seen).toEqual(renamed ? [digest] : []);
    const [status] = await store.listStatuses();
    expect(status?.ref).toBe('r');
    expect(status?.offset).toBeLessThanOrEqual(size);
    if (step === 'content.commit.synced') expect(status?.offset).toBe(size);

    const writer = await store.writer({ ref: 'r' });
    await writer.write(content.subarray(writer.status().offset));
    const committed = writer.commit({ digest, size });
    if (renamed) await expect(committed).rejects.toMatchObject({ kind: 'already-exists' });
    else await committed;
    expect((await store.info(digest)).size).toBe(size);
    expect(await store.listStatuses()).toEqual([]);
    expect(readdirSync(join(root, 'ingest'))).toEqual([]);
    expect(readdirSync(join(root, 'blobs', 'sha256'))).toHaveLength(1);
  });
});

test.each([1000, 5_000_000])('%i bytes: written, synced, renamed, folder synced, acknowledged, in this order', (size) => {
  const root = folderOfTest();
  const log = join(root, 'trace');
  const calls = 'trace=pwrite64,write,fsync,fdatasync,renameat2,rename';
  execFileSync('strace', [
    '-f',
    '-y',
    '-e',
    calls,
    '-o',
    log,
    process.execPath,
    file('child.ts'),
    root,
    'commit',
    'r',
    String(size),
  ]);
  const lines = readFileSync(log, 'utf8').split('\n');
  const first = (...patterns: readonly RegExp[]): number =>
    lines.findIndex((line) => patterns.every((pattern) => pattern.test(line)));
  const last = (...patterns: readonly RegExp[]): number =>
    lines.findLastIndex((line) => patterns.every((pattern) => pattern.test(line)));
  // A call that another thread interrupts is logged in two lines; the first one tells when it began, which is what counts
  // for the call after, and a later line that it ended.
  const order = [
    last(/pwrite64\(/, /ingest\/[0-9a-f]{64}\/data>/),
    first(/fsync\(/, /ingest\/[0-9a-f]{64}\/data>/),
    first(/renameat2?\(/, /blobs\/sha256/),
    first(/fsync\(/, /blobs\/sha256>/, /\d+<[^>]*>/),
    first(/fsync\(/, /ingest\/[0-9a-f]{64}>/),
    last(/write\(1/, /sha256:/),
  ];
  // The first fsync of the blobs' folder must be the one after the rename.
  expect(order.every((index) => index >= 0)).toBe(true);
  expect([...order].sort((a, b) => a - b)).toEqual(order);
});
