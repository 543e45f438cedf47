import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface BuiltPackage {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Files of `dist` that something outside the package names: what it exports, its program, its workers. */
  readonly entries: readonly string[];
}

export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, string | { readonly default: string }>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Every package and plugin that people install; kits for tests are none of them. */
export function builtPackages(root: string): BuiltPackage[] {
  return ['packages', 'plugins'].flatMap((group) =>
    readdirSync(path.join(root, group)).flatMap((name) => {
      const folder = path.join(root, group, name);
      const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
      return name === 'plugin-testkit' ? [] : [{ folder, manifest, entries: entriesOf(folder, manifest) }];
    }),
  );
}

function entriesOf(folder: string, manifest: Manifest): string[] {
  const exported = Object.values(manifest.exports ?? {}).flatMap((target) =>
    typeof target === 'string' ? [] : [target.default],
  );
  const others = readdirSync(path.join(folder, 'dist')).filter((file) => /^(.*-)?(main|worker)\.js$/.test(file));
  return [...new Set([...exported.map((file) => path.normalize(file)), ...others.map((file) => path.join('dist', file))])];
}
