import path from 'node:path';
import { type BindSettings, SlipwayError } from '@slipway/plugin-api';

/** Reads one flag's value; every refusal quotes it whole. */
export interface FlagText {
  /** `-v`, `--mount`, `--tmpfs`. */
  readonly flag: string;
  readonly text: string;
}

/** `invalid-argument` MOUNT_FLAG_INVALID: what the flag says, and why that is no mount. */
export function refused({ flag, text }: FlagText, why: string, hint?: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'MOUNT_FLAG_INVALID',
    message: `${flag} ${JSON.stringify(text)} ${why}`,
    hint,
    details: { flag, text },
  });
}

export function targetOf(from: FlagText, target: string): string {
  if (!target.startsWith('/')) {
    throw refused(from, `has the target ${JSON.stringify(target)}, expected an absolute path in the container`);
  }
  return withoutNul(from, target);
}

/** A folder or file of this host, from where the command was given when it begins with a dot. */
export function hostPath(from: FlagText, source: string, cwd: string): string {
  withoutNul(from, source);
  if (source.startsWith('/')) return source;
  if (/^\.\.?(\/|$)/.test(source)) return path.resolve(cwd, source);
  throw refused(
    from,
    `has the source ${JSON.stringify(source)}, expected an absolute path on this host`,
    'a path that begins with ./ or ../ is taken from the current folder; ~ is for the shell to expand',
  );
}

export function volumeName(from: FlagText, name: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name)) return name;
  throw refused(
    from,
    `has the source ${JSON.stringify(name)}, which is no name of a volume: 1 to 128 of a-z, A-Z, 0-9, "_", "." and "-", the first a letter or digit`,
    'a folder of this host is an absolute path, or one that begins with ./',
  );
}

const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'] as const;

export function propagationOf(word: string): BindSettings['propagation'] {
  return propagations.find((known) => known === word);
}

export const propagationWords = propagations.join(', ');

/** Permission bits in octal, as chmod(1) takes them. */
export function octalMode(from: FlagText, name: string, value: string): number {
  if (!/^[0-7]{1,5}$/.test(value) || Number.parseInt(value, 8) > 0o7777) {
    throw refused(from, `has ${name}=${value}, expected octal permission bits such as 1777`);
  }
  return Number.parseInt(value, 8);
}

function withoutNul(from: FlagText, file: string): string {
  if (file.includes('\0')) throw refused(from, 'has a NUL in a path');
  return file;
}
