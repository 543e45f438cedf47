import fs from 'node:fs';
import path from 'node:path';
import type { Config } from '../config/load.js';
import { describeSource } from '../config/source.js';
import type { Problem } from '../problem.js';
import type { TrustCheck } from '../trust.js';
import { type Manifest, readManifest } from './manifest.js';

/** Where names of plugin packages are looked up, after the folder of the config file that names them. */
export interface PluginPlaces {
  /** Folder that holds packages as such, or in its `node_modules`. */
  readonly system: string;
  /** A folder inside the installation: its `node_modules` and those above it are searched, as Node does. */
  readonly installation: string;
}

export interface Discovery {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly Problem[];
}

/** npm's rule, which leaves no way to climb out of a folder. */
const packageName = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;
const isPath = (name: string): boolean => /^\.{0,2}\//.test(name);

/**
 * Finds the packages that `plugins.standard` and `plugins.search` name and reads their manifests. Nothing else is looked at, no code
 * is run, and the working directory plays no part.
 */
export function discover(config: Config, places: PluginPlaces, trust: TrustCheck): Discovery {
  const manifests: Manifest[] = [];
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const key of ['standard', 'search'] as const) {
    const keyPath = ['plugins', key];
    const source = config.sourceOf(keyPath);
    const where = describeSource(source, keyPath);
    const base = source.kind === 'file' ? path.dirname(fs.realpathSync(source.path)) : undefined;
    const folders = foldersToLookIn(base, places);
    for (const name of config.settings.plugins[key]) {
      const found = isPath(name) ? locatePath(name, base, where) : locateName(name, base, places, folders, where);
      if (typeof found !== 'string') {
        problems.push(found);
        continue;
      }
      if (seen.has(found)) continue;
      seen.add(found);
      const untrusted = trust.file('plugin package', path.join(found, 'package.json'));
      const read = untrusted === undefined ? readManifest(found) : ({ ok: false, problems: [untrusted] } as const);
      if (read.ok) manifests.push(read.manifest);
      else problems.push(...read.problems);
    }
  }
  return { manifests, problems };
}

function locatePath(name: string, base: string | undefined, where: string): string | Problem {
  if (base === undefined && !path.isAbsolute(name)) {
    return {
      kind: 'invalid-argument',
      code: 'PLUGIN_PATH_RELATIVE',
      message: `${where}: plugin path "${name}" is relative, expected an absolute path`,
      hint: 'only a config file can name plugins relative to itself',
    };
  }
  const directory = path.resolve(base ?? '/', name);
  if (isPackage(directory)) return fs.realpathSync(directory);
  return notFound(`${where}: there is no plugin package at "${directory}"`);
}

/** Those that are there: most are not, and asking each for every package takes a millisecond. */
function foldersToLookIn(base: string | undefined, places: PluginPlaces): readonly string[] {
  const folders = [
    ...(base === undefined ? [] : modulesAbove(base)),
    places.system,
    path.join(places.system, 'node_modules'),
    ...modulesAbove(places.installation),
  ];
  return folders.filter((folder) => fs.existsSync(folder));
}

function locateName(
  name: string,
  base: string | undefined,
  places: PluginPlaces,
  folders: readonly string[],
  where: string,
): string | Problem {
  if (!packageName.test(name)) {
    return {
      kind: 'invalid-argument',
      code: 'PLUGIN_NAME_INVALID',
      message: `${where}: found "${name}", expected a package name or a path`,
      hint: 'paths begin with "/", "./" or "../"',
    };
  }
  for (const folder of folders) {
    const directory = path.join(folder, name);
    if (isPackage(directory)) return fs.realpathSync.native(directory);
  }
  const looked = [...(base === undefined ? [] : [base]), places.system, places.installation];
  return notFound(`${where}: plugin package "${name}" was not found from ${looked.map((folder) => `"${folder}"`).join(', ')}`);
}

function modulesAbove(folder: string): string[] {
  const folders: string[] = [];
  for (let at = folder; ; at = path.dirname(at)) {
    if (path.basename(at) !== 'node_modules') folders.push(path.join(at, 'node_modules'));
    if (at === path.dirname(at)) return folders;
  }
}

function isPackage(directory: string): boolean {
  return fs.existsSync(path.join(directory, 'package.json'));
}

function notFound(message: string): Problem {
  return {
    kind: 'not-found',
    code: 'PLUGIN_NOT_FOUND',
    message,
    hint: 'install the package there, or take it out of the configuration',
  };
}
