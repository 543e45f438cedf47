import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { type ImportUse, importsOf } from './imports.ts';
import { type Place, refusal } from './rules.ts';
import { type Package, type Problem, sourceFiles, type Workspace } from './workspace.ts';

/** Every use of a package that the layers do not allow, or that its package.json does not declare. */
export function boundaryProblems(workspace: Workspace): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const from of workspace.packages.values()) {
    problems.push(...manifestProblems(workspace, from, seen));
    const used = new Set<string>();
    for (const file of sourceFiles(workspace.root, from.folder)) {
      for (const use of importsOf(file, readFileSync(path.join(workspace.root, file), 'utf8'))) {
        const problem = isPath(use.specifier)
          ? pathProblem(workspace, from, file, use)
          : nameProblem(workspace, from, file, use, seen);
        if (problem !== undefined) problems.push({ file, line: use.line, message: problem });
        used.add(packageName(use.specifier));
      }
    }
    problems.push(...unusedProblems(workspace, from, used));
  }
  return [...problems, ...graphProblems(workspace, seen)];
}

const edge = (from: string, to: string): string => `${from} -> ${to}`;

function placeOf(from: Package, file: string): Place {
  return file.startsWith(`${from.folder}/test/`) ? 'test' : 'src';
}

function isPath(specifier: string): boolean {
  return /^(\.{1,2}(\/|$)|\/|file:)/.test(specifier);
}

/** `@scope/name/sub` and `name/sub` without the `sub`. */
function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function pathProblem(workspace: Workspace, from: Package, file: string, { specifier }: ImportUse): string | undefined {
  const target = path.posix.join(path.posix.dirname(file), specifier);
  if (specifier.startsWith('.') && `${target}/`.startsWith(`${from.folder}/`)) return undefined;
  const owner = [...workspace.packages.values()].find(({ folder }) => `${target}/`.startsWith(`${folder}/`));
  const to = owner ? owner.name : 'what is in no package';
  return `${from.name} reaches ${to} by the path "${specifier}"; packages import each other by name`;
}

function nameProblem(
  workspace: Workspace,
  from: Package,
  file: string,
  { specifier }: ImportUse,
  seen: Set<string>,
): string | undefined {
  const name = packageName(specifier);
  if (isBuiltin(specifier) || specifier.startsWith('#') || specifier.startsWith('node:')) return undefined;
  const place = placeOf(from, file);
  if (name === from.name)
    return place === 'test' ? undefined : `${from.name} imports itself by name; inside a package imports are relative`;
  const to = workspace.packages.get(name);
  if (to) {
    seen.add(edge(from.name, name));
    const reason = refusal(from, to, place);
    if (reason !== undefined) return `${from.name} must not import ${name}: ${reason}`;
  }
  if (declared(workspace, from, place).has(name)) return undefined;
  return `${from.name} imports ${name}, which ${from.folder}/package.json does not declare`;
}

function declared(workspace: Workspace, from: Package, place: Place): Set<string> {
  const { dependencies, optionalDependencies, peerDependencies, devDependencies } = from.manifest;
  const own = { ...dependencies, ...optionalDependencies, ...peerDependencies };
  return new Set(Object.keys(place === 'test' ? { ...own, ...devDependencies, ...workspace.manifest.devDependencies } : own));
}

function manifestProblems(workspace: Workspace, from: Package, seen: Set<string>): Problem[] {
  const problems: Problem[] = [];
  const { dependencies, optionalDependencies, peerDependencies, devDependencies } = from.manifest;
  for (const list of [dependencies, optionalDependencies, peerDependencies, devDependencies]) {
    for (const name of Object.keys(list ?? {})) {
      const to = workspace.packages.get(name);
      if (!to) continue;
      seen.add(edge(from.name, name));
      const reason = refusal(from, to, 'manifest', list === devDependencies);
      if (reason !== undefined)
        problems.push({ ...declaredAt(from, name), message: `${from.name} must not depend on ${name}: ${reason}` });
    }
  }
  return problems;
}

/** Declared and never imported. The composition root's plugins are loaded by name at run time, so they are left out. */
function unusedProblems(workspace: Workspace, from: Package, used: ReadonlySet<string>): Problem[] {
  return Object.keys(from.manifest.dependencies ?? {})
    .filter((name) => !used.has(name) && !(from.layer === 'root' && workspace.packages.get(name)?.layer === 'plugin'))
    .map((name) => ({ ...declaredAt(from, name), message: `${from.name} declares ${name} and never imports it` }));
}

function declaredAt(from: Package, name: string): Pick<Problem, 'file' | 'line'> {
  const lines = from.manifestText.split('\n');
  return { file: `${from.folder}/package.json`, line: lines.findIndex((line) => line.includes(`"${name}":`)) + 1 };
}

/** What nx's graph knows and the scan above did not meet, such as a dependency that an nx plugin infers. */
function graphProblems(workspace: Workspace, seen: ReadonlySet<string>): Problem[] {
  const problems: Problem[] = [];
  for (const { source, target } of workspace.edges) {
    const [from, to] = [workspace.packages.get(source), workspace.packages.get(target)];
    if (!from || !to || from === to || seen.has(edge(source, target))) continue;
    const reason = refusal(from, to, 'src');
    if (reason !== undefined)
      problems.push({ file: from.folder, message: `${source} must not depend on ${target} (seen in nx's graph): ${reason}` });
  }
  return problems;
}
