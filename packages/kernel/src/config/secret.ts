import { isTable, type KeyPath } from './table.js';

const secretKey = /(?:password|passphrase|secret|token|credentials?|(?:private|api|access)[_-]?key)$/i;
const concealment = '***';

/** True for a value that must never be shown, by the name of its key or of a table around it: `password`, not `password_file`. */
export function isSecret(path: KeyPath): boolean {
  return path.some((key) => secretKey.test(key));
}

/** The value at `path` with every secret in it replaced. */
export function concealed(value: unknown, path: KeyPath): unknown {
  if (isSecret(path)) return concealment;
  if (Array.isArray(value)) return value.map((item: unknown) => concealed(item, path));
  if (!isTable(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, concealed(inner, [...path, key])]));
}
