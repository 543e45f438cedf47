import type { Config } from './load.js';
import { concealed } from './secret.js';
import { describeSource } from './source.js';
import { type ConfigTable, isTable, type KeyPath, spellKey } from './table.js';

export interface DumpedValue {
  /** `stack.snapshotter`. */
  readonly key: string;
  readonly value: unknown;
  /** `/etc/slipway/config.toml:7`, `built-in defaults`, `--root`. */
  readonly source: string;
}

/** The effective configuration, value by value, each with where it comes from. Secrets are concealed; plugins' own defaults are not in it. */
export function dumpConfig(config: Config): DumpedValue[] {
  return [...leaves(config, config.table, [])];
}

/** The same as TOML, with the sources as comments. */
export async function dumpToml(config: Config): Promise<string> {
  const { stringify } = await import('smol-toml');
  const lines: string[] = [];
  const write = (table: ConfigTable, path: KeyPath): void => {
    const values = Object.entries(table).filter(([, value]) => !isTable(value));
    if (values.length > 0 && path.length > 0) lines.push('', `[${spellKey(path)}]`);
    for (const [key, value] of values) {
      const inner = [...path, key];
      lines.push(`${stringify({ [key]: concealed(value, inner) }).trimEnd()} # ${describeSource(config.sourceOf(inner), inner)}`);
    }
    for (const [key, value] of Object.entries(table)) if (isTable(value)) write(value, [...path, key]);
  };
  write(config.table, []);
  return `${lines.join('\n').trim()}\n`;
}

function* leaves(config: Config, table: ConfigTable, path: KeyPath): Generator<DumpedValue> {
  for (const [key, value] of Object.entries(table)) {
    const inner = [...path, key];
    if (isTable(value)) yield* leaves(config, value, inner);
    else yield { key: spellKey(inner), value: concealed(value, inner), source: describeSource(config.sourceOf(inner), inner) };
  }
}
