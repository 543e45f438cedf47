/** A value of a config file, as TOML gives it. */
export type ConfigValue = unknown;
/** A table of a config file. Made without a prototype, so that a key `__proto__` is a key like any other. */
export interface ConfigTable {
  readonly [key: string]: ConfigValue;
}

export type KeyPath = readonly string[];

export function isTable(value: unknown): value is ConfigTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The value at a path of keys, and of indices within lists; undefined where there is none. */
export function valueAt(table: ConfigTable, path: KeyPath): ConfigValue {
  let value: ConfigValue = table;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as ConfigTable)[key];
  }
  return value;
}

/** `plugin.runtime-runc.binary`, in TOML's own spelling. */
export function spellKey(path: KeyPath): string {
  return path.map((key) => (/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key))).join('.');
}
