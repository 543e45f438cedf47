import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readTrees } from '../dist/tree-thread.js';

test('trees that are not read to their end leave no descriptor', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-trees-'));
  try {
    mkdirSync(`${folder}/d`);
    for (let index = 0; index < 30; index++) writeFileSync(`${folder}/d/f${index}`, randomBytes(1 << 20));
    const job = { kind: 'tar', trees: [{ format: 'directory', path: folder }] } as const;
    let parts = 0;
    for await (const part of readTrees(job, undefined)) if (part.length > 0 && ++parts === 3) break;
    expect(parts).toBe(3);
    const abort = new AbortController();
    const read = async (): Promise<void> => {
      for await (const part of readTrees(job, abort.signal)) if (part.length > 0) abort.abort();
    };
    await expect(read()).rejects.toMatchObject({ kind: 'canceled' });
    expect(openBelow(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function openBelow(folder: string): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((file) => file.startsWith(folder));
}
