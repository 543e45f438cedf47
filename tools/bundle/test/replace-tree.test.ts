import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, expect, it } from 'vitest';
import { replaceTree } from '../src/replace-tree.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'slipway-replace-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function tree(name: string, text: string): string {
  const folder = path.join(scratch, name);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'file'), text);
  return folder;
}

it('puts the first tree in its place', () => {
  const target = path.join(scratch, 'first');
  replaceTree(tree('fresh', 'new'), target);
  expect(readFileSync(path.join(target, 'file'), 'utf8')).toBe('new');
});

it('leaves no moment without a tree, and nothing of the old one', async () => {
  const target = tree('target', '0');
  const looking = `const { parentPort, workerData } = require('node:worker_threads');
    let looks = 0, misses = 0, isOver = false;
    parentPort.on('message', () => { isOver = true; });
    const look = () => {
      for (let i = 0; i < 100; i++, looks++) if (!require('node:fs').existsSync(workerData)) misses++;
      if (isOver) parentPort.postMessage({ looks, misses }), parentPort.close();
      else setImmediate(look);
    };
    look();
    parentPort.postMessage('looking');`;
  const worker = new Worker(looking, { eval: true, workerData: path.join(target, 'file') });
  await new Promise((resolve) => worker.once('message', resolve));
  for (let i = 1; i <= 200; i++) replaceTree(tree(`fresh-${i}`, `${i}`), target);
  const told = new Promise((resolve) => worker.once('message', resolve));
  worker.postMessage('end');
  expect(await told).toMatchObject({ misses: 0 });
  expect(readFileSync(path.join(target, 'file'), 'utf8')).toBe('200');
  expect(existsSync(path.join(scratch, 'fresh-200'))).toBe(false);
});
