import type { BindSettings, MountSettings, TmpfsSettings, VolumeSettings } from '@slipway/plugin-api';
import { csvFields } from './csv-fields.js';
import {
  type FlagText,
  hostPath,
  octalMode,
  propagationOf,
  propagationWords,
  refused,
  targetOf,
  volumeName,
} from './mount-words.js';
import { tmpfsSize } from './tmpfs-flag.js';

/**
 * Docker's `--mount type=bind,source=/src,target=/dst,readonly`: fields of CSV, so that a field with a comma or a quote in it is quoted as a whole,
 * `"source=/a,b"`. Every key may be given once, but for `volume-opt` and `volume-label`.
 */
export function parseMountFlag(text: string, cwd: string = process.cwd()): MountSettings {
  const from: FlagText = { flag: '--mount', text };
  const fields = readFields(from);
  const type = fields.take('type') ?? 'volume';
  const target = targetOf(from, fields.take('target') ?? missing(from, 'target'));
  const readOnly = fields.flag('readonly');
  const common = { target, ...(readOnly ? { readOnly } : {}) };
  const mount = mountOf(type, fields, common, cwd);
  const [left] = fields.left();
  if (left !== undefined) throw refused(from, `has "${left}", which is not for type ${type}`);
  return mount;
}

type Common = Pick<MountSettings, 'target' | 'readOnly'>;

function mountOf(type: string, fields: Fields, common: Common, cwd: string): MountSettings {
  switch (type) {
    case 'bind':
      return bind(fields, common, cwd);
    case 'volume':
      return volume(fields, common);
    case 'tmpfs':
      return tmpfs(fields, common);
    default:
      throw refused(fields.from, `has the type ${JSON.stringify(type)}, expected bind, volume or tmpfs`);
  }
}

function bind(fields: Fields, common: Common, cwd: string): BindSettings {
  const { from } = fields;
  const source = hostPath(from, fields.take('source') ?? missing(from, 'source'), cwd);
  const word = fields.take('bind-propagation');
  const propagation = word === undefined ? undefined : propagationOf(word);
  if (word !== undefined && propagation === undefined) {
    throw refused(from, `has bind-propagation=${word}, expected ${propagationWords}`);
  }
  const nonRecursive = nonRecursiveOf(fields, common.readOnly === true);
  return {
    type: 'bind',
    source,
    ...common,
    ...(propagation === undefined ? {} : { propagation }),
    ...(nonRecursive ? { nonRecursive } : {}),
  };
}

/** What is mounted below is read-only with the rest, or the mount fails: so `readonly`, which asks for that, says nothing new. */
function nonRecursiveOf(fields: Fields, readOnly: boolean): boolean {
  const old = fields.flag('bind-nonrecursive');
  const word = fields.take('bind-recursive');
  if (word === undefined) return old;
  if (old) throw refused(fields.from, 'has both "bind-nonrecursive" and "bind-recursive"');
  if (word === 'readonly' && !readOnly) throw refused(fields.from, 'has bind-recursive=readonly without readonly');
  if (!['enabled', 'disabled', 'readonly'].includes(word)) {
    throw refused(fields.from, `has bind-recursive=${word}, expected enabled, disabled or readonly`);
  }
  return word === 'disabled';
}

function volume(fields: Fields, common: Common): VolumeSettings {
  const { from } = fields;
  const name = fields.take('source');
  const [driver, subpath] = [fields.take('volume-driver'), fields.take('volume-subpath')];
  const [options, labels] = [fields.pairs('volume-opt', true), fields.pairs('volume-label', false)];
  if (subpath === '') throw refused(from, 'has an empty volume-subpath');
  return {
    type: 'volume',
    ...common,
    ...(name === undefined ? {} : { volume: volumeName(from, name) }),
    ...(driver === undefined ? {} : { driver }),
    ...(options === undefined ? {} : { options }),
    ...(labels === undefined ? {} : { labels }),
    ...(fields.flag('volume-nocopy') ? { noCopy: true } : {}),
    ...(subpath === undefined ? {} : { subpath }),
  };
}

function tmpfs(fields: Fields, common: Common): TmpfsSettings {
  const { from } = fields;
  const [size, mode] = [fields.take('tmpfs-size'), fields.take('tmpfs-mode')];
  return {
    type: 'tmpfs',
    ...common,
    ...(size === undefined ? {} : { size: tmpfsSize(from, 'tmpfs-size', size) }),
    ...(mode === undefined ? {} : { mode: octalMode(from, 'tmpfs-mode', mode) }),
  };
}

const aliases: Readonly<Record<string, string>> = { src: 'source', dst: 'target', destination: 'target', ro: 'readonly' };

const keys = new Set([
  ...['type', 'source', 'target', 'readonly', 'consistency'],
  ...['bind-propagation', 'bind-nonrecursive', 'bind-recursive'],
  ...['volume-driver', 'volume-opt', 'volume-label', 'volume-nocopy', 'volume-subpath'],
  ...['tmpfs-size', 'tmpfs-mode'],
]);
const repeating = new Set(['volume-opt', 'volume-label']);
/** May stand alone, for true. */
const flags = new Set(['readonly', 'bind-nonrecursive', 'volume-nocopy']);

interface Fields {
  readonly from: FlagText;
  take(key: string): string | undefined;
  flag(key: string): boolean;
  /** Undefined when there is none. `needsValue`: `name=value`, else `name` alone stands for an empty one. */
  pairs(key: string, needsValue: boolean): Readonly<Record<string, string>> | undefined;
  /** Keys that nobody took. */
  left(): readonly string[];
}

function readFields(from: FlagText): Fields {
  const found = new Map<string, string[]>();
  for (const field of csvFields(from)) {
    const equals = field.indexOf('=');
    const given = (equals === -1 ? field : field.slice(0, equals)).trim().toLowerCase();
    const key = (Object.hasOwn(aliases, given) ? aliases[given] : undefined) ?? given;
    if (!keys.has(key)) throw refused(from, `has the key ${JSON.stringify(given)}, which is not known`);
    if (equals === -1 && !flags.has(key)) throw refused(from, `has "${given}" without a value, expected ${given}=VALUE`);
    const values = found.get(key) ?? [];
    if (values.length > 0 && !repeating.has(key)) throw refused(from, `has "${key}" twice`);
    found.set(key, [...values, equals === -1 ? 'true' : field.slice(equals + 1)]);
  }
  // Heeded by Docker Desktop alone.
  found.delete('consistency');
  const takeAll = (key: string): readonly string[] => {
    const values = found.get(key) ?? [];
    found.delete(key);
    return values;
  };
  return {
    from,
    take: (key) => takeAll(key)[0],
    flag: (key) => booleanOf(from, key, takeAll(key)[0]),
    pairs: (key, needsValue) => pairsOf(from, key, takeAll(key), needsValue),
    left: () => [...found.keys()],
  };
}

function booleanOf(from: FlagText, key: string, value: string | undefined): boolean {
  if (value === undefined || value === 'false' || value === '0') return false;
  if (value === 'true' || value === '1') return true;
  throw refused(from, `has ${key}=${value}, expected true or false`);
}

function pairsOf(
  from: FlagText,
  key: string,
  values: readonly string[],
  needsValue: boolean,
): Readonly<Record<string, string>> | undefined {
  if (values.length === 0) return undefined;
  const pairs = new Map<string, string>();
  for (const value of values) {
    const equals = value.indexOf('=');
    const name = equals === -1 ? value : value.slice(0, equals);
    if (name === '' || (needsValue && equals === -1)) throw refused(from, `has ${key}=${value}, expected ${key}=NAME=VALUE`);
    if (pairs.has(name)) throw refused(from, `has ${key} "${name}" twice`);
    pairs.set(name, equals === -1 ? '' : value.slice(equals + 1));
  }
  return Object.fromEntries(pairs);
}

function missing(from: FlagText, key: string): never {
  throw refused(from, `has no ${key}, expected ${key}=...`);
}
