import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** What build/ leaves to node_modules: native code, and what must be one copy for all. */
const shared = ['lmdb', 'koffi', 'reflect-metadata'];

/** What `npm run build` made, with what it takes from node_modules and the Node that runs it. */
export function copyInstallation(repository: string, to: string): void {
  const modules = path.join(repository, 'node_modules');
  mkdirSync(path.join(to, 'node_modules/.bin'), { recursive: true });
  cpSync(path.join(repository, 'build'), path.join(to, 'build'), { recursive: true, verbatimSymlinks: true });
  cpSync(realpathSync(path.join(modules, '.bin/node')), path.join(to, 'node_modules/.bin/node'));
  const wanted = [...shared];
  const copied = new Set<string>();
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    const from = path.join(modules, name);
    // Those for other systems are not installed.
    if (copied.has(name) || !existsSync(from)) continue;
    copied.add(name);
    cpSync(from, path.join(to, 'node_modules', name), { recursive: true, verbatimSymlinks: true });
    const manifest = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8')) as Manifest;
    wanted.push(...Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }));
  }
}
