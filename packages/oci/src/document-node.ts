import { SlipwayError } from '@slipway/plugin-api';
import { quote } from './quote.js';

/** What is being read, for the errors: `image manifest`, `MANIFEST`. */
export interface DocumentKind {
  readonly what: string;
  /** Beginning of the codes: `MANIFEST_INVALID`, `MANIFEST_TOO_LARGE`. */
  readonly code: string;
  /** Bytes. */
  readonly maxSize: number;
}

/**
 * A place in a JSON document that nobody has checked yet. The functions below take the value out if it is of the wanted
 * type and refuse it, naming the place, if not. Members are own properties only and maps have no prototype, so
 * `__proto__` and `constructor` are keys like any other.
 */
export interface DocumentNode {
  readonly kind: DocumentKind;
  /** `layers[3].size`; empty for the document itself. */
  readonly path: string;
  readonly value: unknown;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Parses a document of at most `kind.maxSize` bytes. Errors: `resource-exhausted`, `invalid-argument`. */
export function parseDocument(bytes: Uint8Array, kind: DocumentKind): DocumentNode {
  if (bytes.byteLength > kind.maxSize)
    throw new SlipwayError({
      kind: 'resource-exhausted',
      code: `${kind.code}_TOO_LARGE`,
      message: `${kind.what} has ${bytes.byteLength} bytes, at most ${kind.maxSize} are allowed`,
    });
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes));
    return { kind, path: '', value };
  } catch (cause) {
    // The parser quotes the input in its message, which is not fit to be shown.
    const why = cause instanceof SyntaxError ? 'is not JSON' : 'is not UTF-8';
    throw new SlipwayError({ kind: 'invalid-argument', code: `${kind.code}_INVALID`, message: `${kind.what} ${why}` });
  }
}

/** The error that refuses this place. */
export function refuse(
  node: DocumentNode,
  why: string,
  options: { readonly suffix?: string; readonly hint?: string } = {},
): SlipwayError {
  const place = node.path === '' ? '' : ` at ${quote(node.path)}`;
  return new SlipwayError({
    kind: 'invalid-argument',
    code: `${node.kind.code}_${options.suffix ?? 'INVALID'}`,
    message: `${node.kind.what}${place} ${why}`,
    hint: options.hint,
  });
}

export function member(node: DocumentNode, name: string): DocumentNode {
  const object = asObject(node);
  return {
    kind: node.kind,
    path: node.path === '' ? name : `${node.path}.${name}`,
    value: Object.hasOwn(object, name) ? object[name] : undefined,
  };
}

/** Go writes what is empty as null, leaves it out, or both; they mean the same. */
export function isAbsent(node: DocumentNode): boolean {
  return node.value === undefined || node.value === null;
}

export function optional<T>(node: DocumentNode, read: (node: DocumentNode) => T): T | undefined {
  return isAbsent(node) ? undefined : read(node);
}

export function asObject(node: DocumentNode): Readonly<Record<string, unknown>> {
  const { value } = node;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse(node, `is ${typeOf(value)}, expected an object`);
  return value as Readonly<Record<string, unknown>>;
}

export function asString(node: DocumentNode): string {
  if (typeof node.value !== 'string') throw refuse(node, `is ${typeOf(node.value)}, expected a string`);
  // Every string ends up in a C interface or a path sooner or later, where NUL would cut it short.
  if (node.value.includes('\0')) throw refuse(node, 'contains a NUL character');
  return node.value;
}

export function asBoolean(node: DocumentNode): boolean {
  if (typeof node.value !== 'boolean') throw refuse(node, `is ${typeOf(node.value)}, expected true or false`);
  return node.value;
}

/** A whole number from 0 to 2^53 - 1. */
export function asSize(node: DocumentNode): number {
  const { value } = node;
  if (typeof value !== 'number') throw refuse(node, `is ${typeOf(value)}, expected a number of bytes`);
  if (!Number.isSafeInteger(value) || value < 0) throw refuse(node, `is ${value}, expected a whole number from 0 to 2^53 - 1`);
  return value;
}

/** Where nothing else is said. A document may have millions of the smallest, and to look at those takes seconds in one go. */
const maxEntries = 10_000;

export function asArray<T>(node: DocumentNode, read: (item: DocumentNode) => T, limit = maxEntries): T[] {
  const { value } = node;
  if (!Array.isArray(value)) throw refuse(node, `is ${typeOf(value)}, expected an array`);
  requireEntries(node, value.length, limit);
  return value.map((item: unknown, i) => read({ kind: node.kind, path: `${node.path}[${i}]`, value: item }));
}

/** A map without a prototype. */
export function asMap<T>(node: DocumentNode, read: (item: DocumentNode) => T): Readonly<Record<string, T>> {
  const map = Object.create(null) as Record<string, T>;
  const keys = Object.keys(asObject(node));
  requireEntries(node, keys.length, maxEntries);
  for (const key of keys) map[key] = read(member(node, key));
  return map;
}

function requireEntries({ kind, path }: DocumentNode, found: number, limit: number): void {
  if (found <= limit) return;
  throw new SlipwayError({
    kind: 'resource-exhausted',
    code: `${kind.code}_TOO_LARGE`,
    message: `${kind.what} has ${found} entries in ${quote(path)}, at most ${limit} are allowed`,
  });
}

/** Leaves out what is undefined, so that an absent field is no field of the result. */
export function present<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function typeOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
