import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { expect, test } from 'vitest';
import { openEnvironment } from '../dist/environment.js';
import { temporaryFolder } from './open-store.ts';

test('opening does not sweep away a database that another process is making, which ended that one by SIGSEGV', async () => {
  using folder = temporaryFolder();
  const making = join(folder.path, 'new-other');
  mkdirSync(making);
  const maker = openSync(folder.path, 'r');
  expect(linux.tryFlock(maker, 'exclusive')).toBe(true);
  const opening = openEnvironment(folder.path);
  await sleep(100);
  expect(existsSync(making)).toBe(true);

  // It died: the next one removes what it left.
  closeSync(maker);
  await (await opening)[Symbol.asyncDispose]();
  expect(existsSync(making)).toBe(false);
});
