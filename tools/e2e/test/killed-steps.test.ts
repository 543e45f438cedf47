import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { killedSteps, stepsKilledByPlugins } from './killed-steps.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const killed: readonly string[] = [killedSteps, stepsKilledByPlugins].flatMap((table) => Object.values(table).flat());

/** Of every call in what we build; a `${...}` in a name stands for a word. */
const announced = globSync('{packages,plugins}/*/src/**/*.ts', { cwd: root }).flatMap((file) => {
  const calls = readFileSync(path.join(root, file), 'utf8').matchAll(/\bstep\(\s*(?:'([^']+)'|`([^`]+)`)/g);
  return [...calls].map(([, name, template]) => name ?? template ?? '');
});
const patternOf = (name: string): RegExp =>
  new RegExp(`^${name.replaceAll('.', String.raw`\.`).replaceAll(/\$\{[^}]*\}/g, String.raw`\w+`)}$`);

it('every step that is announced is one at which a test kills', () => {
  expect(announced.length).toBeGreaterThan(50);
  const missing = announced.filter((name) => !killed.some((one) => patternOf(name).test(one)));
  expect(missing).toEqual([]);
});

it('every step that tests kill at is announced', () => {
  expect(killed.filter((one) => !announced.some((name) => patternOf(name).test(one)))).toEqual([]);
});

it.each(Object.entries(stepsKilledByPlugins))('%s names those that it kills at', (file, names) => {
  const text = readFileSync(path.join(root, file), 'utf8');
  expect(names.filter((name) => !text.includes(`'${name}'`))).toEqual([]);
});
