import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { shapeProblems } from '../src/shape.ts';
import { textProblems } from '../src/text.ts';
import { readWorkspace } from '../src/workspace.ts';
import { type Planned, workspaceOnDisk } from './workspace-on-disk.ts';

const manifest = { plugin: './dist/plugin.js', provides: 'content.v1', id: 'local', api: '1.0' };

function found(plan: Readonly<Record<string, Planned>>, change: (root: string) => void = () => {}): string[] {
  using workspace = workspaceOnDisk(plan);
  change(workspace.root);
  return [...shapeProblems(readWorkspace(workspace.root)), ...textProblems(workspace.root)].map(
    ({ file, line, message }) => `${file}:${line ?? ''} ${message}`,
  );
}

const leaf: Planned = { layer: 'leaf' };
const local: Planned = { layer: 'plugin', slipway: manifest, dependencies: { '@slipway/linux': '0.1.0' } };

test('a workspace in good shape has no problems', () => {
  expect(found({ 'packages/linux': leaf, 'plugins/content-local': local })).toEqual([]);
});

test('a missing or short README and missing tests are found', () => {
  const problems = found({ 'packages/linux': leaf, 'packages/oci': leaf }, (root) => {
    rmSync(path.join(root, 'packages/linux/README.md'));
    writeFileSync(path.join(root, 'packages/oci/README.md'), '# oci\n');
    rmSync(path.join(root, 'packages/oci/test/a.test.ts'));
  });
  expect(problems).toEqual(
    expect.arrayContaining(['packages/linux/README.md: is missing', 'packages/oci: has no test/*.test.ts']),
  );
  expect(problems).toContainEqual(expect.stringMatching(/^packages\/oci\/README\.md: has 1 lines/));
});

test('references that do not agree with the dependencies are found', () => {
  const problems = found({ 'packages/linux': leaf, 'plugins/content-local': local }, (root) => {
    writeFileSync(path.join(root, 'plugins/content-local/tsconfig.json'), '{"references":[]}');
    writeFileSync(path.join(root, 'packages/linux/tsconfig.json'), '{"references":[{"path":"../../plugins/content-local"}]}');
    writeFileSync(path.join(root, 'tsconfig.json'), '{"references":[{"path":"packages/linux"}]}');
  });
  expect(problems).toEqual([
    'packages/linux/tsconfig.json: refers to plugins/content-local, which package.json does not depend on',
    'tsconfig.json: does not refer to plugins/content-local',
    'plugins/content-local/tsconfig.json: does not refer to packages/linux, which package.json depends on',
  ]);
});

test.each([
  ['no manifest', undefined, 'needs the "slipway" key'],
  ['another id', { ...manifest, id: 'remote' }, 'do not agree with the folder'],
  ['another point', { ...manifest, provides: 'metadata.v1' }, 'do not agree with the folder'],
  ['a point without version', { ...manifest, provides: 'content' }, 'slipway.provides must be'],
  ['another file', { ...manifest, plugin: './src/plugin.ts' }, 'slipway.plugin must be'],
  ['a whole version for api', { ...manifest, api: '1.0.0' }, 'slipway.api must be'],
])('a plugin with %s is found', (_, slipway, expected) => {
  const plan: Record<string, Planned> = { 'plugins/content-local': slipway ? { layer: 'plugin', slipway } : { layer: 'plugin' } };
  expect(found(plan)).toEqual([expect.stringContaining(expected)]);
});

test('a version that is not exact is found', () => {
  expect(found({ 'packages/linux': { layer: 'leaf', devDependencies: { koffi: '^3.3.4' } } })).toEqual([
    'packages/linux/package.json: "koffi" is "^3.3.4"; versions are pinned exactly',
  ]);
});

test('a package without a layer is found', () => {
  using workspace = workspaceOnDisk({ 'packages/linux': { layer: 'elsewhere' } });
  expect(readWorkspace(workspace.root).problems).toEqual([expect.objectContaining({ file: 'packages/linux/package.json' })]);
});

test('notes to self and paths out of the repository are found, hostile names in code are not', () => {
  const note = ['TO', 'DO'].join('');
  const away = ['../', '../away/x.md'].join('');
  const problems = found(
    {
      'packages/linux': {
        layer: 'leaf',
        files: { 'src/a.ts': `// ${note}: later\nexport const name = '../../../../etc/passwd';\n` },
      },
    },
    (root) => {
      writeFileSync(path.join(root, 'README.md'), `see ${away}\n`);
    },
  );
  expect(problems).toEqual([
    expect.stringContaining(`README.md:1 "${away}" is outside`),
    expect.stringContaining(`packages/linux/src/a.ts:1 "${note}"`),
  ]);
});
