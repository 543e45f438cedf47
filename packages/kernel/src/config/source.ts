import { lineOf } from './line.js';
import { type ConfigTable, isTable, type KeyPath } from './table.js';

/** Where a config value comes from. */
export type Source =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  | { readonly kind: 'environment'; readonly name: string }
  /** A command-line flag or an option of the library, named as its user wrote it. */
  | { readonly kind: 'flag'; readonly name: string };

/** One layer of configuration; a later one is merged over an earlier one. */
export interface ConfigLayer {
  readonly source: Source;
  readonly table: ConfigTable;
}

export interface MergedConfig {
  readonly table: ConfigTable;
  /** The source of a value, or of the nearest thing around or inside it that has one. */
  sourceOf(path: KeyPath): Source;
}

interface MutableTable {
  [key: string]: unknown;
}

const keyOf = (path: KeyPath): string => path.join('\0');

/** Tables merge; everything else, arrays too, replaces what was there. */
export function mergeLayers(layers: readonly ConfigLayer[]): MergedConfig {
  const table = Object.create(null) as MutableTable;
  const sources = new Map<string, Source>();
  for (const layer of layers) mergeInto(table, layer.table, [], layer.source, sources);
  return {
    table,
    sourceOf(path) {
      for (let length = path.length; length > 0; length--) {
        const source = sources.get(keyOf(path.slice(0, length)));
        if (source !== undefined) return source;
      }
      return { kind: 'default' };
    },
  };
}

function mergeInto(target: MutableTable, from: ConfigTable, path: KeyPath, source: Source, sources: Map<string, Source>): void {
  for (const [key, value] of Object.entries(from)) {
    if (value === undefined) continue;
    const inner = [...path, key];
    if (!isTable(value)) {
      target[key] = value;
      sources.set(keyOf(inner), source);
      continue;
    }
    const existing = target[key];
    const merged = isTable(existing) ? (existing as MutableTable) : (Object.create(null) as MutableTable);
    target[key] = merged;
    sources.set(keyOf(inner), source);
    mergeInto(merged, value, inner, source, sources);
  }
}

/** `/etc/slipway/config.toml:12`, `environment variable SLIPWAY_ROOT`, `--root`, `built-in defaults`. */
export function describeSource(source: Source, path: KeyPath): string {
  switch (source.kind) {
    case 'default':
      return 'built-in defaults';
    case 'environment':
      return `environment variable ${source.name}`;
    case 'flag':
      return source.name;
    case 'file': {
      const line = lineOf(source.text, path);
      return line === undefined ? source.path : `${source.path}:${line}`;
    }
  }
}
