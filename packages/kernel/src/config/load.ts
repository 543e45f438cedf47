import os from 'node:os';
import path from 'node:path';
import { type Problem, problemsError, throwProblems } from '../problem.js';
import { TrustCheck } from '../trust.js';
import { filesOf, isLayer, readLayer } from './files.js';
import { type ConfigSettings, configSchema } from './schema.js';
import { type ConfigLayer, describeSource, type MergedConfig, mergeLayers, type Source } from './source.js';
import { type ConfigTable, spellKey } from './table.js';
import { validateConfig } from './validate.js';

export interface LoadConfigOptions {
  /** What holds without any file; complete. */
  readonly defaults: ConfigTable;
  /** A file that replaces every other (`--config`). */
  readonly file?: string | undefined;
  /** What the command line or the caller sets, last of all. `name` is how its user wrote it: `--root`. */
  readonly flags?: readonly { readonly name: string; readonly table: ConfigTable }[] | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Folders with `config.toml` and `conf.d`, in order. Default: /etc/slipway, then ~/.config/slipway unless root. */
  readonly folders?: readonly string[] | undefined;
  readonly trust?: TrustCheck | undefined;
}

/** A stack with every choice made. */
export interface StackChoice {
  readonly resolver: string;
  /** In order of preference. */
  readonly snapshotter: readonly string[];
  readonly runtime: string;
  readonly differ?: string;
  /** Absent: none of its containers joins a network. */
  readonly network?: string;
}

/** The effective configuration, checked but for the plugins' own sections, which only their plugins know. */
export interface Config extends MergedConfig {
  readonly settings: ConfigSettings;
  /** Every stack by name; that of `[stack]` is called {@link defaultStack}. */
  readonly stacks: Readonly<Record<string, StackChoice>>;
  /** The files that were read, in order. */
  readonly files: readonly string[];
}

export const defaultStack = 'default';

const environment = { SLIPWAY_ROOT: 'root', SLIPWAY_STATE: 'state' } as const;

/**
 * Reads, merges and checks the configuration: defaults < files of each folder < environment < flags.
 * All problems found are reported in one error. Errors: `invalid-argument`, `not-found`, `permission-denied`.
 */
export async function loadConfig(options: LoadConfigOptions): Promise<Config> {
  const { env = process.env, trust = new TrustCheck() } = options;
  const onlyFile = options.file ?? (env['SLIPWAY_CONFIG'] || undefined);
  const files = onlyFile === undefined ? (options.folders ?? standardFolders()).flatMap(filesOf) : [path.resolve(onlyFile)];
  const layers: ConfigLayer[] = [{ source: { kind: 'default' }, table: options.defaults }];
  const problems: Problem[] = [];
  for (const file of files) {
    const layer = await readLayer(file, trust);
    if (isLayer(layer)) layers.push(layer);
    else problems.push(layer);
  }
  throwProblems('read the configuration', problems);
  for (const layer of layers) problems.push(...versionProblems(layer));
  throwProblems('read the configuration', problems);
  layers.push(...environmentLayers(env), ...flagLayers(options.flags ?? []));
  const merged = mergeLayers(layers);
  const checked = await validateConfig(configSchema, merged);
  if (!checked.ok) throw problemsError('check the configuration', checked.problems);
  return { ...merged, settings: checked.value, stacks: stacksOf(checked.value, merged), files };
}

function standardFolders(): string[] {
  const user = process.geteuid?.() === 0 ? [] : [path.join(os.homedir(), '.config', 'slipway')];
  return ['/etc/slipway', ...user];
}

function environmentLayers(env: Readonly<Record<string, string | undefined>>): ConfigLayer[] {
  return Object.entries(environment).flatMap(([name, key]) => {
    const value = env[name];
    return value === undefined || value === '' ? [] : [{ source: { kind: 'environment', name }, table: { [key]: value } }];
  });
}

function flagLayers(flags: NonNullable<LoadConfigOptions['flags']>): ConfigLayer[] {
  return flags.map(({ name, table }) => ({ source: { kind: 'flag', name } satisfies Source, table }));
}

/** A file of a newer format is named as such before its new keys are called unknown. */
function versionProblems({ source, table }: ConfigLayer): Problem[] {
  const version = table['version'];
  if (source.kind !== 'file' || typeof version !== 'number' || version <= 1) return [];
  return [
    {
      kind: 'failed-precondition',
      code: 'CONFIG_TOO_NEW',
      message: `${source.path}: found version ${version} of the configuration format, expected 1`,
      hint: 'this file was written for a newer Slipway',
    },
  ];
}

function stacksOf({ stack, stacks }: ConfigSettings, merged: MergedConfig): Record<string, StackChoice> {
  if (Object.hasOwn(stacks, defaultStack)) {
    const path = ['stacks', defaultStack];
    throw problemsError('check the configuration', [
      {
        kind: 'invalid-argument',
        code: 'CONFIG_RESERVED_STACK',
        message: `${describeSource(merged.sourceOf(path), path)}: [${spellKey(path)}] is reserved`,
        hint: 'the default stack is [stack]',
      },
    ]);
  }
  const overrides = Object.entries(stacks).map(([name, override]) => [name, chosen(stack, override)] as const);
  return Object.fromEntries([[defaultStack, chosen(stack, {})], ...overrides]);
}

type WrittenStack = ConfigSettings['stack'];

function chosen(stack: WrittenStack, override: ConfigSettings['stacks'][string]): StackChoice {
  const snapshotter = override.snapshotter ?? stack.snapshotter;
  const differ = override.differ ?? stack.differ;
  const network = override.network ?? stack.network;
  return {
    resolver: override.resolver ?? stack.resolver,
    snapshotter: typeof snapshotter === 'string' ? [snapshotter] : snapshotter,
    runtime: override.runtime ?? stack.runtime,
    ...(differ === undefined ? {} : { differ }),
    ...(network === undefined ? {} : { network }),
  };
}
