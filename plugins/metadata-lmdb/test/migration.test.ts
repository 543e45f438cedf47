import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from './open-store.ts';

const child = fileURLToPath(new URL('migrate-child.ts', import.meta.url));

function folderOfTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

function open(root: string, steps: number, killAt = ''): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [child, root, String(steps), killAt], { encoding: 'utf8' });
}

test('an older store is migrated once, and the copy of before is the way back', () => {
  const root = folderOfTest();
  expect(open(root, 0)).toMatchObject({ status: 0, stdout: '0' });
  expect(open(root, 2)).toMatchObject({ status: 0, stdout: '2' });
  expect(open(root, 2)).toMatchObject({ status: 0, stdout: '2' });
  expect(readdirSync(root).sort()).toEqual(['data.mdb', 'data.mdb-lock', 'data.mdb.v1']);
  expect(open(root, 0).stderr).toContain('METADATA_FORMAT_NEWER');
  expect(open(root, 3)).toMatchObject({ status: 0, stdout: '3' });
  expect(readdirSync(root).sort()).toEqual(['data.mdb', 'data.mdb-lock', 'data.mdb.v3']);
  copyFileSync(join(root, 'data.mdb.v3'), join(root, 'data.mdb'));
  expect(open(root, 2)).toMatchObject({ status: 0, stdout: '2' });
});

test.each(['metadata.migration.copied', 'metadata.migration.written', 'metadata.migration.durable'])(
  'killed at %s it opens as the old one or the new one, never half',
  (step) => {
    const root = folderOfTest();
    open(root, 0);
    expect(open(root, 2, step).signal).toBe('SIGKILL');
    expect(existsSync(join(root, 'data.mdb.v1'))).toBe(true);
    const isNew = step === 'metadata.migration.durable';
    const asOld = open(root, 0);
    if (isNew) expect(asOld.stderr).toContain('METADATA_FORMAT_NEWER');
    else expect(asOld).toMatchObject({ status: 0, stdout: '0' });
    expect(open(root, 2)).toMatchObject({ status: 0, stdout: '2' });
  },
);
