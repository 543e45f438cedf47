import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const script = path.join(import.meta.dirname, '../src/lock-matches.mjs');
const locked = {
  '': { version: '0.1.0' },
  'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
  'node_modules/w': { resolved: 'packages/w', link: true },
  'packages/w': { version: '1.0.0' },
  'node_modules/elsewhere': { version: '1.0.0', integrity: 'sha512-e', optional: true },
};
let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'slipway-lock-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function status(installed: object | undefined, folders: readonly string[] = ['a']): number | null {
  writeFileSync(path.join(root, 'package-lock.json'), JSON.stringify({ packages: locked }));
  mkdirSync(path.join(root, 'node_modules'));
  for (const folder of folders) mkdirSync(path.join(root, 'node_modules', folder));
  if (installed) writeFileSync(path.join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages: installed }));
  return spawnSync(process.execPath, [script, root]).status;
}

const a = locked['node_modules/a'];

test('what npm ci installed matches: no optional packages of other machines, no workspaces without a folder', () => {
  expect(status({ 'node_modules/a': a })).toBe(0);
});

test('an installation is due when a workspace has a folder and no link', () => {
  mkdirSync(path.join(root, 'packages/w'), { recursive: true });
  expect(status({ 'node_modules/a': a })).toBe(1);
});

test.each([
  ['nothing is installed', undefined],
  ['a package is missing', {}],
  ['a version is another', { 'node_modules/a': { ...a, version: '1.0.1' } }],
  ['its bytes are others', { 'node_modules/a': { ...a, integrity: 'sha512-b' } }],
  ['there is a package too many', { 'node_modules/a': a, 'node_modules/b': a }],
])('an installation is due when %s', (_, installed) => {
  expect(status(installed)).toBe(1);
});

test('an installation is due when a folder is gone', () => {
  expect(status({ 'node_modules/a': a }, [])).toBe(1);
});
