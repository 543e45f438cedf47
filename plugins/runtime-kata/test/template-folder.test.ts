import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Logger } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TemplateFolder } from '../dist/template/template-folder.js';
import { readPlan } from './read-plan.ts';

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

function put(name: string, ageSeconds: number, state = 'state'): void {
  mkdirSync(path.join(folder, name));
  for (const file of ['memory', state]) writeFileSync(path.join(folder, name, file), '');
  truncateSync(path.join(folder, name, 'memory'), MiB);
  const then = new Date(Date.now() - ageSeconds * 1000);
  utimesSync(path.join(folder, name), then, then);
}

/** Without a program that could make it. */
async function make(key: string, memoryMiB = 1): Promise<void> {
  await templates.make(key, memoryMiB, '/bin/false', async () => []);
  for (const end = Date.now() + 10_000; existsSync(path.join(folder, key)) && Date.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 5));
}

test('one whose memory has another size than it should is none', () => {
  put('a', 0);
  expect(templates.find('a', 1)).toEqual({ memory: path.join(folder, 'a/memory'), state: path.join(folder, 'a/state') });
  expect(templates.find('a', 2)).toBeUndefined();
  expect(templates.find('b', 1)).toBeUndefined();
  expect(templates.find('a', 1, true)).toMatchObject({ sealed: true });
  expect(statSync(path.join(folder, 'a/memory')).mode & 0o777).toBe(0o444);
});

test('those that were not used for longest make room, and what was never finished', async () => {
  put('first', 500);
  put('second', 400);
  put('third', 300);
  put('fourth', 3600, 'state.making');
  put('fifth', 10, 'state.making');
  templates.find('first', 1);
  await make('more');
  expect(readdirSync(folder).sort()).toEqual(['fifth', 'first', 'third']);
});

test('one that cannot be made leaves nothing but a warning, and is not begun where there is no room', async () => {
  await make('a');
  expect([readdirSync(folder), warnings]).toEqual([[], ['no template of machines could be made']]);
  await make('a', 1 << 30);
  expect([readdirSync(folder), warnings.length]).toEqual([[], 1]);
});

test('one that another process is making is left to it', async () => {
  put('a', 10, 'state.making');
  await templates.make('a', 1, '/bin/false', () => Promise.reject(new Error('asked for')));
  expect(readdirSync(path.join(folder, 'a')).sort()).toEqual(['memory', 'state.making']);
  expect(templates.find('a', 1)).toBeUndefined();
});

test('one that is thrown away is gone, and may be gone already', () => {
  put('a', 0);
  templates.discard('a');
  templates.discard('a');
  expect(readdirSync(folder)).toEqual([]);
});

test('what a QEMU that was taken over could open anew is the memory alone, and the folder of its user stays where it was', async () => {
  const plans: string[][] = [];
  const modes: number[] = [];
  const shim = path.join(folder, 'shim');
  writeFileSync(shim, '#!/bin/sh\nexec sleep 0.2\n', { mode: 0o700 });
  const inside = new TemplateFolder(path.join(folder, 'all'), log);
  await inside.make('a', 1, shim, async ({ memory, state }, place) => {
    for (const file of [memory, state]) modes.push(statSync(file).mode & 0o777);
    plans.push([path.basename(state), path.relative(path.join(folder, 'all'), place)]);
    return [];
  });
  expect(modes).toEqual([0o666, 0o600]);
  expect(plans).toEqual([['state.making', 'a']]);
  expect(readPlan(readFileSync(path.join(folder, 'all/a/vm.plan')))).toEqual([
    ['rename', path.join(folder, 'all/a/state.making'), path.join(folder, 'all/a/state')],
  ]);
});
