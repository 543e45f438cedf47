import fs from 'node:fs';
import path from 'node:path';
import { apiVersion, type Declarations, wrapError } from '@slipway/plugin-api';
import { suggestion } from '../nearest.js';
import type { Problem } from '../problem.js';

/** What is known of a plugin without running its code. */
export interface Manifest {
  /** Name of its npm package. */
  readonly package: string;
  readonly version: string;
  /** Id of the point: `snapshotter.v1`. */
  readonly provides: string;
  readonly id: string;
  /** Version of plugin-api it was built against. */
  readonly api: string;
  readonly declares: Declarations;
  /** Folder of the package. Absent for a plugin that the program itself brings. */
  readonly directory?: string;
  /** The module to import. */
  readonly module?: string;
}

/** `snapshotter.v1/overlay`. */
export function addressOf(manifest: Pick<Manifest, 'provides' | 'id'>): string {
  return `${manifest.provides}/${manifest.id}`;
}

/** The package's name without its scope: what its section and messages call it. */
export function shortName(packageName: string): string {
  return packageName.slice(packageName.indexOf('/') + 1);
}

const maxBytes = 1024 * 1024;
const keys = ['plugin', 'provides', 'id', 'api', 'declares'];
const patterns = {
  provides: { pattern: /^[a-z][a-z0-9-]*\.v[1-9][0-9]*$/, expected: 'a point such as "snapshotter.v1"' },
  id: { pattern: /^[a-z0-9]+(?:-[a-z0-9]+)*$/, expected: 'lower-case letters, digits and hyphens' },
  api: { pattern: /^(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)$/, expected: `a version such as "${apiVersion}"` },
  plugin: {
    pattern: /^\.\/(?!(?:[^\0]*\/)?\.\.(?:\/|$))[^\0]+$/,
    expected: 'a module inside the package, such as "./dist/plugin.js"',
  },
} as const;

export type ReadManifest =
  | { readonly ok: true; readonly manifest: Manifest }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads and checks `slipway` of a folder's package.json. */
export function readManifest(directory: string): ReadManifest {
  const file = path.join(directory, 'package.json');
  let json: unknown;
  try {
    const { size } = fs.statSync(file);
    if (size > maxBytes) throw new Error(`found ${size} bytes, expected at most ${maxBytes}`);
    json = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    return refused([unreadable(file, error)]);
  }
  if (!isRecord(json)) return refused([invalid(file, `found ${JSON.stringify(json)}, expected an object`)]);
  const { name, version, slipway } = json;
  if (!isRecord(slipway)) {
    return refused([
      {
        ...invalid(file, 'has no "slipway" object, so the package is no plugin'),
        hint: 'name only plugins in plugins.search',
      },
    ]);
  }
  const problems: Problem[] = [];
  const text = (key: keyof typeof patterns): string => {
    const value = slipway[key];
    if (typeof value === 'string' && patterns[key].pattern.test(value)) return value;
    problems.push(
      invalid(file, `key "slipway.${key}": found ${JSON.stringify(value) ?? 'nothing'}, expected ${patterns[key].expected}`),
    );
    return '';
  };
  for (const key of Object.keys(slipway)) {
    if (!keys.includes(key)) problems.push({ ...invalid(file, `unknown key "slipway.${key}"`), hint: suggestion(key, keys) });
  }
  for (const [key, value] of Object.entries({ name, version })) {
    if (typeof value !== 'string' || value === '') {
      problems.push(invalid(file, `key "${key}": found ${JSON.stringify(value) ?? 'nothing'}, expected a string`));
    }
  }
  const declares = slipway['declares'] ?? {};
  if (!isDeclarations(declares)) {
    problems.push(
      invalid(file, `key "slipway.declares": found ${JSON.stringify(declares)}, expected strings, booleans or lists of strings`),
    );
  }
  const module = path.join(directory, text('plugin'));
  const manifest = {
    package: String(name),
    version: String(version),
    provides: text('provides'),
    id: text('id'),
    api: text('api'),
    declares: declares as Declarations,
    directory,
    module,
  };
  if (problems.length > 0) return refused(problems);
  const tooNew = apiProblem(manifest, file);
  return tooNew === undefined ? { ok: true, manifest } : refused([tooNew]);
}

/** A plugin runs on the plugin-api of its own major version, of the same minor or a newer one. */
export function apiProblem(manifest: Manifest, where: string): Problem | undefined {
  const [major = 0, minor = 0] = manifest.api.split('.').map(Number);
  const [ourMajor = 0, ourMinor = 0] = apiVersion.split('.').map(Number);
  if (major === ourMajor && minor <= ourMinor) return undefined;
  const newer = major > ourMajor || (major === ourMajor && minor > ourMinor);
  return {
    kind: 'failed-precondition',
    code: 'PLUGIN_API_MISMATCH',
    message: `${where}: plugin "${manifest.package}" was built against plugin-api ${manifest.api}, expected ${ourMajor}.0 to ${apiVersion}`,
    hint: newer ? 'upgrade Slipway, or install an older version of the plugin' : 'install a newer version of the plugin',
  };
}

function refused(problems: readonly Problem[]): ReadManifest {
  return { ok: false, problems };
}

function invalid(file: string, reason: string): Problem {
  return { kind: 'invalid-argument', code: 'MANIFEST_INVALID', message: `${file}: ${reason}` };
}

/** What the system refuses says nothing about the manifest, but for one that is not there. */
function unreadable(file: string, error: unknown): Problem {
  const { kind, code, hint } = wrapError('read', error);
  const problem = invalid(file, `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  return kind === 'resource-exhausted' || kind === 'data-loss' ? { ...problem, kind, code, hint } : problem;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDeclarations(value: unknown): value is Declarations {
  const isText = (item: unknown): boolean => typeof item === 'string';
  return (
    isRecord(value) &&
    Object.values(value).every((item) => isText(item) || typeof item === 'boolean' || (Array.isArray(item) && item.every(isText)))
  );
}
