import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Layer, layers, type Member } from './rules.ts';

/** The part of a package.json that is read here. */
export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, string>>;
  readonly slipway?: Readonly<Record<string, unknown>>;
}

/** A package of the workspace. */
export interface Package extends Member {
  readonly name: string;
  /** Folder, relative to the root. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly manifestText: string;
}

/** Packages by name, and who depends on whom as nx sees it. */
export interface Workspace {
  readonly root: string;
  readonly manifest: Manifest;
  readonly packages: ReadonlyMap<string, Package>;
  readonly edges: readonly Edge[];
  readonly problems: readonly Problem[];
}

export interface Edge {
  readonly source: string;
  readonly target: string;
}

/** Something wrong: where, and what to change. */
export interface Problem {
  readonly file: string;
  readonly line?: number | undefined;
  readonly message: string;
}

interface Project {
  readonly name: string;
  readonly data: { readonly root: string; readonly tags?: readonly string[] };
}

interface Graph {
  readonly graph: {
    readonly nodes: Readonly<Record<string, Project>>;
    readonly dependencies: Readonly<Record<string, readonly Edge[]>>;
  };
}

/** Reads the workspace through nx's project graph, computed anew: a stale one would let a violation pass. */
export function readWorkspace(root: string): Workspace {
  const { nodes, dependencies } = projectGraph(root).graph;
  const packages = new Map<string, Package>();
  const problems: Problem[] = [];
  for (const { name, data } of Object.values(nodes).sort(byFolder)) {
    if (data.root === '.') continue;
    const layer = layerOf(data.tags ?? []);
    const manifestText = readFileSync(path.join(root, data.root, 'package.json'), 'utf8');
    if (layer === undefined)
      problems.push({
        file: `${data.root}/package.json`,
        message: `nx.tags names no layer; one of ${layers.map((l) => `layer:${l}`).join(', ')} is needed`,
      });
    else {
      const forTests = (data.tags ?? []).includes('for:tests');
      packages.set(name, {
        name,
        folder: data.root,
        layer,
        forTests,
        manifestText,
        manifest: JSON.parse(manifestText) as Manifest,
      });
    }
  }
  const edges = Object.values(dependencies).flat();
  return {
    root,
    manifest: JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest,
    packages,
    edges,
    problems,
  };
}

function byFolder(a: Project, b: Project): number {
  return a.data.root < b.data.root ? -1 : 1;
}

function projectGraph(root: string): Graph {
  const scratch = mkdtempSync(path.join(tmpdir(), 'slipway-graph-'));
  try {
    const file = path.join(scratch, 'graph.json');
    const nx = path.join(import.meta.dirname, '../../../node_modules/.bin/nx');
    const env = {
      ...process.env,
      NX_DAEMON: 'false',
      NX_CACHE_PROJECT_GRAPH: 'false',
      NX_WORKSPACE_DATA_DIRECTORY: path.join(scratch, 'data'),
    };
    execFileSync(nx, ['graph', `--file=${file}`], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    return JSON.parse(readFileSync(file, 'utf8')) as Graph;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function layerOf(tags: readonly string[]): Layer | undefined {
  return layers.find((layer) => tags.includes(`layer:${layer}`));
}

/** Source files of a package, relative to the root, without what is built or installed. */
export function sourceFiles(root: string, folder: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const file = `${folder}/${entry.name}`;
    if (entry.isDirectory() && !['dist', 'node_modules'].includes(entry.name)) found.push(...sourceFiles(root, file));
    else if (entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name)) found.push(file);
  }
  return found;
}
