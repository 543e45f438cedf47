import { quote } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import { readSmallFile } from '../read-file.js';

const maxFile = 4 * 1024 * 1024;

/** `~/.docker/config.json` or containers' `auth.json`: what of it concerns credentials, checked, and all of it as it stands. */
export interface AuthFile {
  readonly path: string;
  readonly auths: ReadonlyMap<string, AuthEntry>;
  /** Names of helper programs by key. */
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore: string | undefined;
  readonly document: Readonly<Record<string, unknown>>;
}

/** Not decoded yet: an entry for another registry may be broken without harm. */
export type AuthEntry = Readonly<Record<string, unknown>>;

/** Undefined when there is no such file. Errors: `invalid-argument` for one that is no regular file, too large, or not of this form. */
export async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  const text = await readSmallFile(path, {
    what: 'credentials file',
    maxBytes: maxFile,
    invalid: (why) => invalid(path, undefined, why),
  });
  return text === undefined ? undefined : parseAuthFile(path, text);
}

export function parseAuthFile(path: string, text: string): AuthFile {
  let document: unknown;
  try {
    // Docker takes an empty file for one without entries.
    document = text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    // What the parser says would quote the file, and so perhaps a password.
    throw invalid(path, undefined, 'is no JSON');
  }
  const root = object(path, undefined, document);
  const { auths = {}, credHelpers = {}, credsStore } = root as Readonly<Record<string, unknown>>;
  if (credsStore !== undefined && typeof credsStore !== 'string') throw invalid(path, 'credsStore', 'is no string');
  return {
    path,
    auths: mapOf(path, 'auths', auths, (key, value) => object(path, `auths[${quote(key)}]`, value)),
    credHelpers: mapOf(path, 'credHelpers', credHelpers, (key, value) => {
      if (typeof value === 'string') return value;
      throw invalid(path, `credHelpers[${quote(key)}]`, 'is no string');
    }),
    credsStore: credsStore === '' ? undefined : credsStore,
    document: root,
  };
}

/** What is wrong with a file of credentials. `key`: the place in it. What stands there is a secret, and not shown. */
export function invalid(path: string, key: string | undefined, why: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'REGISTRY_AUTH_FILE_INVALID',
    message: `credentials file ${quote(path)}: ${key === undefined ? 'it' : key} ${why}`,
    hint: 'correct the file, or remove it and log in again (slipway login)',
  });
}

function object(path: string, key: string | undefined, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw invalid(
    path,
    key,
    `is ${Array.isArray(value) ? 'an array' : JSON.stringify(value) === 'null' ? 'null' : `a ${typeof value}`}, expected an object`,
  );
}

function mapOf<T>(path: string, name: string, value: unknown, read: (key: string, value: unknown) => T): ReadonlyMap<string, T> {
  return new Map(Object.entries(object(path, name, value ?? {})).map(([key, one]) => [key, read(key, one)]));
}
