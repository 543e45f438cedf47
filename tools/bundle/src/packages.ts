import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface BuiltPackage {
  readonly folder: string;
  readonly manifest: Manifest;
  /** What it exports, by the name that others import: `@slipway/layers/limits` to `dist/limits.js`. */
  readonly exported: Readonly<Record<string, string>>;
  /** Files of `dist` that threads start by their name. */
  readonly workers: readonly string[];
  /** Files of `dist` that Node is started with. */
  readonly programs: readonly string[];
  /** Files of `dist` that only hand on heavy libraries, and stay files of their own. */
  readonly libraries: readonly string[];
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
      if (name === 'plugin-testkit') return [];
      const files = readdirSync(path.join(folder, 'dist')).map((file) => `dist/${file}`);
      return [
        {
          folder,
          manifest,
          exported: exportsOf(manifest),
          workers: files.filter((file) => /\/(.*-)?worker\.js$/.test(file)),
          programs: files.filter((file) => /-main\.js$/.test(file)),
          libraries: files.filter((file) => /-library\.js$/.test(file)),
        },
      ];
    }),
  );
}

function exportsOf({ name, exports = {} }: Manifest): Record<string, string> {
  return Object.fromEntries(
    Object.entries(exports).flatMap(([key, target]) =>
      typeof target === 'string' ? [] : [[path.posix.join(name, key), path.posix.normalize(target.default)] as const],
    ),
  );
}
