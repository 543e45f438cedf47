import { expect, test } from 'vitest';
import { boundaryProblems } from '../src/boundaries.ts';
import { readWorkspace } from '../src/workspace.ts';
import { type Planned, workspaceOnDisk } from './workspace-on-disk.ts';

const v = '0.1.0';
const api: Planned = { layer: 'api', files: { 'src/index.ts': 'export type A = 1;\n' } };
const overlay: Planned = { layer: 'plugin' };

function found(plan: Readonly<Record<string, Planned>>): string[] {
  using workspace = workspaceOnDisk(plan);
  return boundaryProblems(readWorkspace(workspace.root)).map(({ file, line, message }) => `${file}:${line} ${message}`);
}

/** A plugin content-local whose src/a.ts is `text`, beside a plugin snapshot-overlay that it declares. */
function pluginWith(text: string): string[] {
  const local: Planned = { layer: 'plugin', dependencies: { '@slipway/snapshot-overlay': v }, files: { 'src/a.ts': text } };
  return found({ 'packages/plugin-api': api, 'plugins/snapshot-overlay': overlay, 'plugins/content-local': local });
}

test('a workspace that keeps the rules has no problems', () => {
  const local: Planned = {
    layer: 'plugin',
    dependencies: { '@slipway/plugin-api': v, valibot: '1.0.0' },
    devDependencies: { '@slipway/plugin-testkit': v },
    files: {
      'src/a.ts':
        "import fs from 'node:fs';\nimport type { A } from '@slipway/plugin-api';\nimport * as x from 'valibot';\nimport { b } from './b.js';\n",
      'src/b.ts': 'export const b = 1;\n',
      'test/b.test.ts': "import '@slipway/content-local';\nimport '@slipway/plugin-testkit';\nimport { b } from '../src/b.js';\n",
    },
  };
  const slipway: Planned = { layer: 'root', dependencies: { '@slipway/content-local': v } };
  const testkit: Planned = { layer: 'leaf', tags: ['for:tests'] };
  expect(
    found({
      'packages/plugin-api': api,
      'packages/plugin-testkit': testkit,
      'plugins/content-local': local,
      'packages/slipway': slipway,
    }),
  ).toEqual([]);
});

test.each([
  ['an import', "\nimport { x } from '@slipway/snapshot-overlay';\n"],
  ['a type-only import', "\nimport type { X } from '@slipway/snapshot-overlay';\n"],
  ['an import type in a type', "\ntype X = import('@slipway/snapshot-overlay').X;\n"],
  ['a dynamic import', "\nconst x = await import('@slipway/snapshot-overlay');\n"],
  ['an export from', "\nexport * from '@slipway/snapshot-overlay';\n"],
  ['a sub-path', "\nimport '@slipway/snapshot-overlay/dist/x.js';\n"],
  ['require', "\nconst x = require('@slipway/snapshot-overlay');\n"],
  ['import.meta.resolve', "\nconst x = import.meta.resolve('@slipway/snapshot-overlay');\n"],
])('a plugin that uses a plugin by %s is found, with file, line, from and to', (_, text) => {
  const [problem, ...rest] = pluginWith(text).filter((one) => one.startsWith('plugins/content-local/src/a.ts:2 '));
  expect(problem).toContain('@slipway/content-local must not import @slipway/snapshot-overlay: plugin may use api, leaf only');
  expect(rest).toEqual([]);
});

test('a dependency that stands in package.json alone is found', () => {
  expect(pluginWith('export {};\n')).toContainEqual(
    expect.stringMatching(
      /^plugins\/content-local\/package\.json:5 @slipway\/content-local must not depend on @slipway\/snapshot-overlay/,
    ),
  );
});

test('a path into another package is found, whatever the layers', () => {
  const text = "import { A } from '../../../packages/plugin-api/src/index.js';\n";
  const local: Planned = { layer: 'plugin', files: { 'src/a.ts': text } };
  expect(found({ 'packages/plugin-api': api, 'plugins/content-local': local })).toEqual([
    'plugins/content-local/src/a.ts:1 @slipway/content-local reaches @slipway/plugin-api by the path "../../../packages/plugin-api/src/index.js"; packages import each other by name',
  ]);
});

test.each(['kernel', 'engine', 'leaf', 'api', 'root', 'cli'])('%s code that imports a plugin is found', (layer) => {
  const one: Planned = {
    layer,
    dependencies: { '@slipway/snapshot-overlay': v },
    files: { 'src/a.ts': "import '@slipway/snapshot-overlay';\n" },
  };
  expect(found({ 'plugins/snapshot-overlay': overlay, 'packages/one': one })).toContainEqual(
    expect.stringMatching(/^packages\/one\/src\/a\.ts:1 @slipway\/one must not import @slipway\/snapshot-overlay/),
  );
});

test('an import that package.json does not declare is found', () => {
  const local: Planned = { layer: 'plugin', files: { 'src/a.ts': "import 'valibot';\nimport '@slipway/plugin-api';\n" } };
  expect(found({ 'packages/plugin-api': api, 'plugins/content-local': local })).toEqual([
    'plugins/content-local/src/a.ts:1 @slipway/content-local imports valibot, which plugins/content-local/package.json does not declare',
    'plugins/content-local/src/a.ts:2 @slipway/content-local imports @slipway/plugin-api, which plugins/content-local/package.json does not declare',
  ]);
});

test('a declared dependency that nothing imports is found', () => {
  const local: Planned = { layer: 'plugin', dependencies: { valibot: '1.0.0' } };
  expect(found({ 'plugins/content-local': local })).toEqual([
    'plugins/content-local/package.json:5 @slipway/content-local declares valibot and never imports it',
  ]);
});

test('tests keep the same rules, and shipped code keeps out what is for tests', () => {
  const local: Planned = {
    layer: 'plugin',
    dependencies: { '@slipway/plugin-testkit': v },
    devDependencies: { '@slipway/snapshot-overlay': v },
    files: { 'src/a.ts': "import '@slipway/plugin-testkit';\n", 'test/b.test.ts': "import '@slipway/snapshot-overlay';\n" },
  };
  const testkit: Planned = { layer: 'leaf', tags: ['for:tests'] };
  const problems = found({
    'packages/plugin-testkit': testkit,
    'plugins/snapshot-overlay': overlay,
    'plugins/content-local': local,
  });
  expect(problems).toContainEqual(
    expect.stringMatching(/^plugins\/content-local\/test\/b\.test\.ts:1 .* must not import @slipway\/snapshot-overlay/),
  );
  expect(problems).toContainEqual(expect.stringMatching(/^plugins\/content-local\/src\/a\.ts:1 .* for:tests is for tests alone/));
});

test('a dependency that only nx infers is found', () => {
  using workspace = workspaceOnDisk({ 'plugins/snapshot-overlay': overlay, 'packages/kernel': { layer: 'kernel' } });
  const read = readWorkspace(workspace.root);
  const problems = boundaryProblems({ ...read, edges: [{ source: '@slipway/kernel', target: '@slipway/snapshot-overlay' }] });
  expect(problems.map(({ file, message }) => `${file} ${message}`)).toEqual([
    expect.stringContaining("packages/kernel @slipway/kernel must not depend on @slipway/snapshot-overlay (seen in nx's graph)"),
  ]);
});
