import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

/** A folder that is gone after the file's tests. */
export function temp(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-guest-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
