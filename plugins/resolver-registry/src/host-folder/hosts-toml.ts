import path from 'node:path';
import { quote } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import { requireTrusted } from '@slipway/trust';
import * as v from 'valibot';
import { readSmallFile } from '../read-file.js';

const strings = v.union([v.string(), v.array(v.string())], 'expected a string or a list of strings');
const settings = {
  /** `pull`, `resolve`, `push`. */
  capabilities: v.optional(v.array(v.string())),
  ca: v.optional(strings),
  client: v.optional(
    v.union(
      [v.string(), v.array(v.string()), v.array(v.strictTuple([v.string(), v.string()]))],
      'expected a path, a list of paths, or a list of pairs of paths',
    ),
  ),
  skip_verify: v.optional(v.boolean(), false),
  header: v.optional(v.record(v.string(), strings), {}),
  override_path: v.optional(v.boolean(), false),
};
const hostSettings = v.looseObject(settings);
const hostsFile = v.looseObject({
  ...settings,
  server: v.optional(v.string()),
  host: v.optional(v.record(v.string(), hostSettings), {}),
});

export type HostSettings = v.InferOutput<typeof hostSettings>;
export type HostsFile = v.InferOutput<typeof hostsFile>;

const maxFile = 1024 * 1024;

/**
 * containerd's `hosts.toml`, checked; undefined when the folder has none. Keys that are not known are ignored, and told to `warn`: the file is shared with
 * containerd, which may know more. Errors: `invalid-argument` with file and key, `permission-denied` for one that others can change.
 */
export async function readHostsToml(folder: string, warn: (message: string) => void): Promise<HostsFile | undefined> {
  const file = path.join(folder, 'hosts.toml');
  const text = await readSmallFile(file, { what: 'file', maxBytes: maxFile, invalid: (why) => invalidHosts(file, why) });
  if (text === undefined) return undefined;
  requireTrusted('settings of registry hosts', file);
  const parsed = v.safeParse(hostsFile, await parseToml(file, text));
  if (!parsed.success) throw invalidHosts(file, firstIssue(parsed.issues));
  for (const key of unknownKeys(parsed.output)) warn(`${quote(file)}: ${key} is not known and ignored`);
  return parsed.output;
}

/** Header values are secrets often enough: what stands in the file is shown for other keys alone. */
export function invalidHosts(file: string, why: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'REGISTRY_HOSTS_FILE_INVALID',
    message: `${quote(file)}: ${why}`,
    hint: 'the format is that of containerd (hosts.toml)',
  });
}

async function parseToml(file: string, text: string): Promise<unknown> {
  const { parse, TomlError } = await import('smol-toml');
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Its further lines show a part of the file.
    const says = error.message.split('\n', 1)[0] ?? '';
    throw invalidHosts(file, `line ${error.line}, column ${error.column}: ${says}`);
  }
}

function firstIssue([issue]: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const keys = (issue.path ?? []).map(({ key }) => String(key));
  const shown = keys.includes('header') ? '' : `, found ${issue.received}`;
  const expected = issue.type === 'union' ? issue.message : `expected ${issue.expected}`;
  return `${keyPath(keys)}: ${expected}${shown}`;
}

function unknownKeys(file: HostsFile): readonly string[] {
  const known = new Set(Object.keys(settings));
  const inHosts = Object.entries(file.host).flatMap(([name, host]) =>
    Object.keys(host)
      .filter((key) => !known.has(key))
      .map((key) => keyPath(['host', name, key])),
  );
  return [...Object.keys(file).filter((key) => !known.has(key) && key !== 'server' && key !== 'host'), ...inHosts];
}

/** `host."https://mirror.example.com".ca`. */
function keyPath(keys: readonly string[]): string {
  return keys.map((key) => (/^[A-Za-z0-9_-]+$/.test(key) ? key : quote(key))).join('.');
}
