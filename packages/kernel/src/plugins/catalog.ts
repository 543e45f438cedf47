import type { Plugin } from '@slipway/plugin-api';
import type { Config } from '../config/load.js';
import { describeSource } from '../config/source.js';
import { spellKey } from '../config/table.js';
import { suggestion } from '../nearest.js';
import type { Problem } from '../problem.js';
import { addressOf, type Manifest, shortName } from './manifest.js';

/** A plugin that the program itself brings: no package is looked up, and its code is imported when it is first needed. */
export interface BuiltinPlugin {
  readonly manifest: Manifest;
  readonly load: () => Promise<Plugin>;
}

/** A plugin that is known, loaded or not. */
export interface CatalogEntry {
  readonly address: string;
  readonly manifest: Manifest;
  /** Set for a plugin that the program brings. */
  readonly load?: () => Promise<Plugin>;
  readonly disabled: boolean;
  /** Key in `[plugin]` of the section that is the plugin's own, when the configuration has one. */
  readonly section?: string;
}

/** All known plugins, by (point, id): the kernel's own map, in which a duplicate is an error. */
export interface Catalog {
  readonly entries: readonly CatalogEntry[];
  readonly problems: readonly Problem[];
}

export function makeCatalog(config: Config, found: readonly Manifest[], builtin: readonly BuiltinPlugin[]): Catalog {
  const problems: Problem[] = [];
  const known = [...builtin, ...found.map((manifest) => ({ manifest }))];
  const named = (name: string): readonly Manifest[] => {
    const exact = known.filter(({ manifest }) => manifest.package === name);
    return (exact.length > 0 ? exact : known.filter(({ manifest }) => shortName(manifest.package) === name)).map(
      ({ manifest }) => manifest,
    );
  };
  const names = known.map(({ manifest }) => shortName(manifest.package));

  const pick = (name: string, path: readonly string[], what: string): Manifest | undefined => {
    const where = describeSource(config.sourceOf(path), path);
    const matches = named(name);
    const [match] = matches;
    if (match === undefined) {
      problems.push({
        kind: 'invalid-argument',
        code: 'CONFIG_UNKNOWN_PLUGIN',
        message: `${where}: ${what} names no known plugin`,
        hint: suggestion(name, names),
      });
    } else if (matches.length > 1) {
      problems.push({
        kind: 'invalid-argument',
        code: 'CONFIG_AMBIGUOUS_PLUGIN',
        message: `${where}: ${what} could be ${matches.map((manifest) => `"${manifest.package}"`).join(' or ')}`,
        hint: 'write the whole package name in quotes',
      });
      return undefined;
    }
    return match;
  };

  const disabled = new Set<Manifest>();
  for (const name of config.settings.plugins.disabled) {
    const manifest = pick(name, ['plugins', 'disabled'], `"${name}" in plugins.disabled`);
    if (manifest !== undefined) disabled.add(manifest);
  }
  const sections = new Map<Manifest, string>();
  for (const section of Object.keys(config.settings.plugin)) {
    const path = ['plugin', section];
    const manifest = pick(section, path, `section [${spellKey(path)}]`);
    if (manifest === undefined) continue;
    const other = sections.get(manifest);
    if (other === undefined) sections.set(manifest, section);
    else problems.push(twoSections(describeSource(config.sourceOf(path), path), manifest, [other, section]));
  }

  const entries: CatalogEntry[] = known.map((item) => {
    const section = sections.get(item.manifest);
    return {
      ...item,
      address: addressOf(item.manifest),
      disabled: disabled.has(item.manifest),
      ...(section === undefined ? {} : { section }),
    };
  });
  problems.push(...duplicates(entries));
  return { entries, problems };
}

function twoSections(where: string, manifest: Manifest, sections: readonly string[]): Problem {
  return {
    kind: 'invalid-argument',
    code: 'CONFIG_DUPLICATE_SECTION',
    message: `${where}: plugin "${manifest.package}" has two sections, ${sections.map((name) => `[${spellKey(['plugin', name])}]`).join(' and ')}`,
    hint: 'keep one of them',
  };
}

function duplicates(entries: readonly CatalogEntry[]): Problem[] {
  const byAddress = Map.groupBy(
    entries.filter((entry) => !entry.disabled),
    (entry) => entry.address,
  );
  return [...byAddress]
    .filter(([, same]) => same.length > 1)
    .map(([address, same]) => ({
      kind: 'already-exists',
      code: 'PLUGIN_DUPLICATE',
      message: `${address} is provided by ${same.map(({ manifest }) => describePackage(manifest)).join(' and ')}`,
      hint: 'name all but one of them in plugins.disabled',
    }));
}

/** `"@acme/snapshot" (/usr/lib/slipway/plugins/...)`. */
export function describePackage(manifest: Manifest): string {
  return `"${manifest.package}" (${manifest.directory ?? 'built in'})`;
}
