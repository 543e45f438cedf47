import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import { expect, test } from 'vitest';
import { openEnvironment } from '../dist/environment.js';

test('opening does not sweep away a database that another process is making, which ended that one by SIGSEGV', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-lmdb-'));
  const open = async (): Promise<void> => {
    await using _ = await openEnvironment(folder);
  };
  try {
    await open();
    const making = join(folder, 'new-other');
    mkdirSync(making);
    const maker = openSync(folder, 'r');
    expect(linux.tryFlock(maker, 'exclusive')).toBe(true);
    await open();
    expect(existsSync(making)).toBe(true);

    // It died: the next one removes what it left.
    closeSync(maker);
    await open();
    expect(existsSync(making)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
