import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Package, type Problem, sourceFiles, type Workspace } from './workspace.ts';

const README_LINES = 10;
const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

/** What every package must have, and what its files must agree on. */
export function shapeProblems(workspace: Workspace): Problem[] {
  const problems = pinProblems('package.json', workspace.manifest);
  for (const one of workspace.packages.values()) {
    problems.push(...readmeProblems(workspace, one), ...testProblems(workspace, one), ...referenceProblems(workspace, one));
    problems.push(...pinProblems(`${one.folder}/package.json`, one.manifest), ...manifestProblems(one));
  }
  return problems;
}

function readmeProblems({ root }: Workspace, { folder }: Package): Problem[] {
  const file = `${folder}/README.md`;
  if (!existsSync(path.join(root, file))) return [{ file, message: 'is missing' }];
  const lines = readFileSync(path.join(root, file), 'utf8').trim().split('\n').length;
  return lines >= README_LINES
    ? []
    : [
        {
          file,
          message: `has ${lines} lines; at least ${README_LINES} say what it is for, how it works, its limits, how to test it`,
        },
      ];
}

function testProblems({ root }: Workspace, { folder }: Package): Problem[] {
  const tests = sourceFiles(root, folder).filter((file) => file.startsWith(`${folder}/test/`) && file.endsWith('.test.ts'));
  return tests.length > 0 ? [] : [{ file: folder, message: 'has no test/*.test.ts' }];
}

function references(root: string, file: string): string[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  const parsed = JSON.parse(text) as { references?: readonly { path: string }[] };
  return (parsed.references ?? []).map((reference) => path.posix.join(path.posix.dirname(file), reference.path)).sort();
}

/** A compiled package refers to exactly the compiled packages that it depends on, and the root builds it. */
function referenceProblems({ root, packages }: Workspace, one: Package): Problem[] {
  const file = `${one.folder}/tsconfig.json`;
  if (!existsSync(path.join(root, file))) return one.layer === 'tool' ? [] : [{ file, message: 'is missing' }];
  const problems: Problem[] = [];
  if (!references(root, 'tsconfig.json').includes(one.folder))
    problems.push({ file: 'tsconfig.json', message: `does not refer to ${one.folder}` });
  const wanted = Object.keys(one.manifest.dependencies ?? {})
    .map((name) => packages.get(name))
    .filter(
      (to) =>
        to !== undefined &&
        existsSync(path.join(root, to.folder, 'tsconfig.json')) &&
        !(one.layer === 'root' && to.layer === 'plugin'),
    )
    .map((to) => to?.folder);
  const found = references(root, file);
  for (const folder of wanted)
    if (folder !== undefined && !found.includes(folder))
      problems.push({ file, message: `does not refer to ${folder}, which package.json depends on` });
  for (const folder of found)
    if (!wanted.includes(folder)) problems.push({ file, message: `refers to ${folder}, which package.json does not depend on` });
  return problems;
}

function pinProblems(file: string, manifest: Package['manifest']): Problem[] {
  const { dependencies, devDependencies, optionalDependencies, overrides } = manifest;
  return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies, ...overrides })
    .filter(([, version]) => !EXACT.test(version))
    .map(([name, version]) => ({ file, message: `"${name}" is "${version}"; versions are pinned exactly` }));
}

/** A plugin is `plugins/<point>-<id>`, named `@slipway/<point>-<id>`, and its manifest says the same. */
function manifestProblems({ folder, layer, manifest }: Package): Problem[] {
  const file = `${folder}/package.json`;
  const slipway = manifest.slipway;
  if (layer !== 'plugin')
    return folder.startsWith('plugins/') ? [{ file, message: 'is in plugins/ and not tagged layer:plugin' }] : [];
  if (!slipway) return [{ file, message: 'a plugin needs the "slipway" key' }];
  const name = path.posix.basename(folder);
  const wrong: [boolean, string][] = [
    [manifest.name !== `@slipway/${name}`, `is named "${manifest.name}", its folder wants "@slipway/${name}"`],
    [slipway['plugin'] !== './dist/plugin.js', 'slipway.plugin must be "./dist/plugin.js"'],
    [!/^\d+\.\d+$/.test(String(slipway['api'])), 'slipway.api must be MAJOR.MINOR of plugin-api'],
    [
      !/^[a-z]+(-[a-z]+)*\.v\d+$/.test(String(slipway['provides'])),
      'slipway.provides must be an id of a point, such as "snapshotter.v1"',
    ],
    [
      !agrees(name, String(slipway['provides']), String(slipway['id'])),
      `slipway.provides and slipway.id do not agree with the folder's name "${name}"`,
    ],
  ];
  return wrong.filter(([is]) => is).map(([, message]) => ({ file, message }));
}

/** `snapshot-overlay` provides `snapshotter.v1` as `overlay`: the first word begins the point's id, the rest is the plugin's. */
function agrees(folder: string, provides: string, id: string): boolean {
  const point = folder.slice(0, -(id.length + 1));
  return folder === `${point}-${id}` && point !== '' && provides.startsWith(point);
}
