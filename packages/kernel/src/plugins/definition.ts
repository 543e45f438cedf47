import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { Need, Needs, Plugin } from '@slipway/plugin-api';
import { Clock } from '../clock.js';
import type { Config } from '../config/load.js';
import { describeSource } from '../config/source.js';
import { isTable, spellKey, valueAt } from '../config/table.js';
import { validateConfig } from '../config/validate.js';
import type { Problem } from '../problem.js';
import type { TrustCheck } from '../trust.js';
import type { CatalogEntry } from './catalog.js';
import { apiProblem, type Manifest, shortName } from './manifest.js';

/** A plugin's code, agreed with its manifest, and its checked configuration. */
export interface Definition {
  readonly plugin: Plugin;
  readonly needs: Needs;
  readonly config: unknown;
}

export type LoadedDefinition =
  | { readonly ok: true; readonly definition: Definition }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly cause?: unknown };

/** {@link loadDefinition} within `ms`: a module may wait at its top level, and a schema may be asynchronous. */
export async function loadWithin(entry: CatalogEntry, config: Config, trust: TrustCheck, ms: number): Promise<LoadedDefinition> {
  const timedOut = Promise.withResolvers<LoadedDefinition>();
  using _clock = new Clock(ms, () => {
    const problem: Problem = {
      kind: 'failed-precondition',
      code: 'PLUGIN_LOAD_TIMED_OUT',
      message: `plugin "${entry.manifest.package}" (${entry.manifest.module ?? 'built in'}) has not loaded within ${ms / 1000} s`,
      hint: 'its code hangs: wire another plugin, or report this to its author',
    };
    timedOut.resolve({ ok: false, problems: [problem] });
  });
  return await Promise.race([loadDefinition(entry, config, trust), timedOut.promise]);
}

/** Imports a plugin's module (once), compares it with the manifest and checks the plugin's section of the configuration. */
async function loadDefinition(entry: CatalogEntry, config: Config, trust: TrustCheck): Promise<LoadedDefinition> {
  const { manifest } = entry;
  const untrusted = manifest.directory === undefined ? undefined : trust.package(manifest.directory);
  if (untrusted !== undefined) return { ok: false, problems: [untrusted] };
  let plugin: unknown;
  try {
    plugin = await importPlugin(entry);
  } catch (cause) {
    return { ok: false, problems: [loadProblem(manifest, cause)], cause };
  }
  const mismatches = codeProblems(manifest, plugin);
  if (mismatches.length > 0) return { ok: false, problems: mismatches };
  const checked = plugin as Plugin;
  const own = await ownConfig(entry, checked, config);
  return own.ok
    ? { ok: true, definition: { plugin: checked, needs: checked.needs ?? {}, config: own.value } }
    : { ok: false, problems: own.problems };
}

const requireModule = createRequire(import.meta.url);

async function importPlugin({ manifest: { module }, load }: CatalogEntry): Promise<unknown> {
  if (module === undefined) return load?.();
  let loaded: unknown;
  try {
    // To import a CommonJS module, Node reads its text once more to find what it exports: 4 ms for the longest of ours.
    loaded = requireModule(module);
  } catch (error) {
    // One that waits at its top level can only be imported. Nothing of it has run yet.
    if ((error as { readonly code?: unknown } | undefined)?.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
    loaded = await import(pathToFileURL(module).href);
  }
  return (loaded as { readonly plugin?: unknown }).plugin;
}

async function ownConfig(
  entry: CatalogEntry,
  plugin: Plugin,
  config: Config,
): Promise<{ readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problems: readonly Problem[] }> {
  const path = ['plugin', entry.section ?? shortName(entry.manifest.package)];
  if (plugin.config !== undefined) {
    try {
      return await validateConfig(plugin.config, config, path);
    } catch (cause) {
      return { ok: false, problems: [disagreement(entry.manifest, `has a config schema that failed: ${String(cause)}`)] };
    }
  }
  const section = valueAt(config.table, path);
  const [key] = isTable(section) ? Object.keys(section) : [];
  if (key === undefined) return { ok: true, value: {} };
  const keyPath = [...path, key];
  const where = describeSource(config.sourceOf(keyPath), keyPath);
  const problem: Problem = {
    kind: 'invalid-argument',
    code: 'CONFIG_UNKNOWN_KEY',
    message: `${where}: unknown key "${spellKey(keyPath)}": plugin "${entry.manifest.package}" takes no configuration`,
    hint: 'remove it',
  };
  return { ok: false, problems: [problem] };
}

function loadProblem(manifest: Manifest, cause: unknown): Problem {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return {
    kind: 'failed-precondition',
    code: 'PLUGIN_LOAD_FAILED',
    message: `load plugin "${manifest.package}" (${manifest.module ?? 'built in'}): ${reason}`,
    hint: 'the package is broken or not built: reinstall it, or name it in plugins.disabled',
  };
}

function codeProblems(manifest: Manifest, plugin: unknown): Problem[] {
  if (typeof plugin !== 'object' || plugin === null || !('activate' in plugin) || typeof plugin.activate !== 'function') {
    return [disagreement(manifest, 'exports no "plugin" made by definePlugin')];
  }
  const code = plugin as Partial<Plugin>;
  const pairs = {
    provides: [code.provides?.id, manifest.provides],
    id: [code.id, manifest.id],
    api: [code.api, manifest.api],
    // What only the manifest declares is declared: code may repeat it, and then it has to agree.
    declares: [code.declares ?? manifest.declares, manifest.declares],
  };
  const problems = Object.entries(pairs)
    // Node loads what compares deeply when it is first called: 2 ms, which those who agree do not pay.
    .filter(([, [found, expected]]) => found !== expected && !isDeepStrictEqual(found, expected))
    .map(([key, [found, expected]]) =>
      disagreement(
        manifest,
        `says ${key} ${JSON.stringify(found) ?? 'nothing'}, but its manifest says ${JSON.stringify(expected)}`,
      ),
    );
  for (const [name, need] of Object.entries(code.needs ?? {})) {
    if (!isNeed(need)) problems.push(disagreement(manifest, `has a need "${name}" that is no need of plugin-api`));
  }
  const api = manifest.module === undefined ? apiProblem(manifest, 'built in') : undefined;
  return api === undefined ? problems : [...problems, api];
}

function disagreement(manifest: Manifest, reason: string): Problem {
  return {
    kind: 'failed-precondition',
    code: 'PLUGIN_MANIFEST_MISMATCH',
    message: `plugin "${manifest.package}": ${manifest.module ?? 'built-in code'} ${reason}`,
    hint: 'code and manifest must agree: correct one of them and build the package again',
  };
}

/** The kind of a need and the point it is for; a bare point is exactly one. */
export function readNeed(need: Need): {
  readonly kind: 'one' | 'optional' | 'many' | 'lazy' | 'lazy-many';
  readonly pointId: string;
} {
  return 'need' in need ? { kind: need.need, pointId: need.point.id } : { kind: 'one', pointId: need.id };
}

const needKinds: readonly unknown[] = ['optional', 'many', 'lazy', 'lazy-many'];

function isNeed(need: unknown): boolean {
  if (typeof need !== 'object' || need === null) return false;
  if ('need' in need && !needKinds.includes(need.need)) return false;
  const point: unknown = 'need' in need && 'point' in need ? need.point : need;
  return typeof point === 'object' && point !== null && 'id' in point && typeof point.id === 'string';
}
