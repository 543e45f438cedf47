import { chmodSync, cpSync, existsSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { coreFile } from './core.ts';
import { nativeCode } from './native-code.ts';
import { banner, options, writePackage } from './output.ts';
import type { BuiltPackage } from './packages.ts';
import { ownPlaces } from './places.ts';

/** A package that is not in the core: a file for each thing that it exports, with the libraries that are its own. */
export async function bundleApart(
  modules: string,
  one: BuiltPackage,
  shared: readonly string[],
  apart: readonly string[],
): Promise<void> {
  for (const file of Object.values(one.exported)) {
    const place = path.posix.join(one.manifest.name, file);
    const core = path.posix.relative(path.posix.dirname(place), coreFile);
    await build({
      ...options,
      entryPoints: [path.join(one.folder, file)],
      outfile: path.join(modules, place),
      external: [...shared, ...apart, './*-library.js'],
      banner: {
        js: `${banner}require = ((load, { shared }) => slipwayLazy((name) => shared(name) ?? load(name)))(require, require('${core}'));`,
      },
      plugins: [ownPlaces([one], place), nativeCode],
    });
  }
  for (const file of one.libraries) {
    const outfile = path.join(modules, one.manifest.name, file);
    await build({ ...options, entryPoints: [path.join(one.folder, file)], outfile });
  }
}

/** What is started by itself: small files, beside what their package exports. */
export async function bundlePrograms(modules: string, one: BuiltPackage, packages: readonly string[]): Promise<void> {
  for (const file of one.programs) {
    await build({
      ...options,
      entryPoints: [path.join(one.folder, file)],
      outfile: path.join(modules, one.manifest.name, file),
      external: [...packages, './index.js'],
    });
  }
}

/** A thread shares no objects with the command, so each of its files is complete. */
export async function bundleWorkers(modules: string, one: BuiltPackage, all: readonly BuiltPackage[]): Promise<void> {
  for (const file of one.workers) {
    const place = path.posix.join(one.manifest.name, file);
    await build({
      ...options,
      entryPoints: [path.join(one.folder, file)],
      outfile: path.join(modules, place),
      external: ['./*-library.js'],
      banner: { js: banner },
      plugins: [ownPlaces(all, place), nativeCode],
    });
  }
}

/** Its manifest, by which plugins are found and others import it, and its programs. */
export function copyManifest(modules: string, { folder, manifest }: BuiltPackage): void {
  const to = path.join(modules, manifest.name);
  writePackage(to, { ...manifest, type: 'commonjs' });
  if (!existsSync(path.join(folder, 'bin'))) return;
  cpSync(path.join(folder, 'bin'), path.join(to, 'bin'), { recursive: true });
  for (const program of Object.values(manifest.bin ?? {})) chmodSync(path.join(to, program), 0o755);
}
