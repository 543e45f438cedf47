import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Logger } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TemplateFolder } from '../dist/template/template-folder.js';

const MiB = 1024 * 1024;
let folder = '';
let templates: TemplateFolder;
let warnings: string[] = [];
const log = { warn: (message: string) => warnings.push(message) } as unknown as Logger;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-templates-'));
  warnings = [];
  templates = new TemplateFolder(folder, log);
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(name: string, ageSeconds: number): void {
  mkdirSync(path.join(folder, name));
  for (const file of ['memory', 'state']) writeFileSync(path.join(folder, name, file), '');
  truncateSync(path.join(folder, name, 'memory'), MiB);
  const then = new Date(Date.now() - ageSeconds * 1000);
  utimesSync(path.join(folder, name), then, then);
}

/** Without a program that could make it. */
async function make(key: string, memoryMiB = 1): Promise<void> {
  await templates.make(key, memoryMiB, '/bin/false', async () => []);
  for (const end = Date.now() + 10_000; readdirSync(folder).includes(`${key}.making`) && Date.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 5));
}

test('one whose memory has another size than it should is none', () => {
  put('a', 0);
  expect(templates.find('a', 1)).toEqual({ memory: path.join(folder, 'a/memory'), state: path.join(folder, 'a/state') });
  expect(templates.find('a', 2)).toBeUndefined();
  expect(templates.find('b', 1)).toBeUndefined();
});

test('those that were not used for longest make room, and what was never finished', async () => {
  put('first', 500);
  put('second', 400);
  put('third', 300);
  put('fourth.making', 3600);
  put('fifth.making', 10);
  templates.find('first', 1);
  await make('more');
  expect(readdirSync(folder).sort()).toEqual(['fifth.making', 'first', 'third']);
});

test('one that cannot be made leaves nothing but a warning, and is not begun where there is no room', async () => {
  await make('a');
  expect([readdirSync(folder), warnings]).toEqual([[], ['no template of machines could be made']]);
  await make('a', 1 << 30);
  expect([readdirSync(folder), warnings.length]).toEqual([[], 1]);
});

test('one that another process is making is left to it', async () => {
  put('a.making', 10);
  await templates.make('a', 1, '/bin/false', () => Promise.reject(new Error('asked for')));
  expect(readdirSync(folder)).toEqual(['a.making']);
});

test('one that is thrown away is gone, and may be gone already', () => {
  put('a', 0);
  templates.discard('a');
  templates.discard('a');
  expect(readdirSync(folder)).toEqual([]);
});
