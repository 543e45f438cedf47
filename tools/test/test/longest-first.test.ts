import { globSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { longest, longestFirst } from '../src/longest-first.ts';

const root = path.resolve(import.meta.dirname, '../../..');

it('puts the longest first and leaves the others in their order', () => {
  const names = ['packages/b.test.ts', longest[1] ?? '', 'packages/a.test.ts', longest[0] ?? ''];
  const files = names.map((name) => ({ moduleId: path.join(root, name) }));
  expect(longestFirst(files)).toEqual([files[3], files[1], files[0], files[2]]);
});

it('names files that there are', () => {
  expect(longest.filter((name) => globSync(name, { cwd: root }).length === 0)).toEqual([]);
});
