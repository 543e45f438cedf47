import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { machineUser, usualFirstUid } from '../dist/machine-user.js';

const first = 1_900_000_000;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-kata-users-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function container(name: string): string {
  const directory = path.join(folder, name);
  mkdirSync(directory, { recursive: true });
  return directory;
}

test('each machine has a user of its own, the same one at a restart', async () => {
  const users = path.join(folder, 'users');
  const made = await Promise.all(
    Array.from({ length: 100 }, (_, index) => machineUser(users, container(`c${index}`), first, 'tcg')),
  );
  expect(new Set(made.map(({ uid }) => uid)).size).toBe(100);
  for (const { uid, gid, groups } of made) {
    expect(uid).toBeGreaterThanOrEqual(first);
    expect(uid).toBeLessThan(first + 65_536);
    expect([gid, groups]).toEqual([uid, []]);
  }
  expect(await machineUser(users, container('c7'), first, 'tcg')).toEqual(made[7]);
});

test('one whose container is gone is free again', async () => {
  const users = path.join(folder, 'users');
  const { uid } = await machineUser(users, container('gone'), first, 'tcg');
  rmdirSync(container('gone'));
  expect((await machineUser(users, path.join(folder, 'gone'), first, 'tcg')).uid).toBe(uid);
  expect(readdirSync(users)).toHaveLength(1);
});

test('installations that do not know of each other have users of their own', () => {
  const firsts = ['/run/slipway/runtime.v1/kata', '/tmp/a/runtime.v1/kata', '/tmp/b/runtime.v1/kata'].map(usualFirstUid);
  expect(new Set(firsts).size).toBe(3);
  for (const each of firsts) {
    expect((each - first) % 65_536).toBe(0);
    expect(each).toBeGreaterThanOrEqual(first);
    expect(each + 65_536).toBeLessThan(2 ** 31);
  }
});
