import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Plugin } from 'esbuild';
import type { BuiltPackage } from './packages.ts';

/**
 * What a module says about its own place (`import.meta`) is about its package's `dist`, wherever its code is now: workers and
 * programs are there. What it requires by its name is bundled like what it imports.
 *
 * @param file where the code is, seen from `node_modules`
 */
export function ownPlaces(packages: readonly BuiltPackage[], file: string): Plugin {
  return {
    name: 'own-places',
    setup: ({ onLoad }) => {
      for (const { folder, manifest } of packages) {
        const dist = path.join(folder, 'dist');
        const place = path.posix.relative(path.posix.dirname(file), path.posix.join(manifest.name, 'dist'));
        onLoad({ filter: new RegExp(`^${RegExp.escape(dist)}/.*\\.js$`) }, ({ path: module }) => {
          const text = readFileSync(module, 'utf8').replaceAll(/\bcreateRequire\(import\.meta\.url\)\((?=')/g, 'require(');
          return { contents: text.replaceAll(/\bimport\.meta\b/g, `slipwayPlace(${JSON.stringify(place)})`), loader: 'js' };
        });
      }
    },
  };
}
