import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { requireTrusted, TrustedPaths } from '@slipway/trust';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'slipway-trust-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

function make(name: string, mode = 0o600): string {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, '');
  fs.chmodSync(file, mode);
  return file;
}

test('a file of root that nobody else can change, below a folder with the sticky bit', () => {
  expect(new TrustedPaths().whole(make('file'))).toBeUndefined();
  expect(() => requireTrusted('key', make('file'))).not.toThrow();
});

test('a file that others can write to', () => {
  const file = make('file', 0o662);
  expect(new TrustedPaths().whole(file)).toEqual({
    entry: file,
    why: 'has mode 0662: others than root can change what root would trust',
    hint: `chmod go-w "${file}"`,
  });
  expect(() => requireTrusted('key', file)).toThrow(
    expect.objectContaining({ kind: 'permission-denied', code: 'UNTRUSTED_FILE', hint: `chmod go-w "${file}"` }),
  );
});

test('a folder above it of another user', () => {
  const file = make('of/another/file');
  fs.chownSync(path.join(folder, 'of'), 1234, 0);
  expect(new TrustedPaths().whole(file)).toMatchObject({
    entry: path.join(folder, 'of'),
    why: 'is owned by user 1234, expected root',
  });
});

test('where a link leads, and who owns the link', () => {
  const link = path.join(folder, 'link');
  fs.symlinkSync('open/real', link);
  const real = make('open/real');
  expect(new TrustedPaths().whole(link)).toBeUndefined();
  fs.chmodSync(path.dirname(real), 0o777);
  expect(new TrustedPaths().whole(link)).toMatchObject({ entry: path.dirname(real) });
  fs.lchownSync(link, 1234, 0);
  expect(new TrustedPaths().whole(link)).toMatchObject({ entry: link, why: 'is owned by user 1234, expected root' });
});

test('links that lead to each other end', () => {
  for (const [from, to] of [
    ['a', 'b'],
    ['b', 'a'],
  ])
    fs.symlinkSync(to ?? '', path.join(folder, from ?? ''));
  expect(new TrustedPaths().whole(path.join(folder, 'a'))).toBeUndefined();
});

test('what is not there', () => {
  expect(() => requireTrusted('key', path.join(folder, 'nothing'))).toThrow(expect.objectContaining({ kind: 'not-found' }));
});
