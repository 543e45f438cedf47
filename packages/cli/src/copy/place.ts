import path from 'node:path';
import { usageError } from '../usage-error.js';
import { unfit } from './failure.js';

/** One side of a copy, as docker reads it. */
export type CopyPlace =
  | { readonly kind: 'container'; readonly container: string; readonly path: string }
  | { readonly kind: 'local'; readonly path: string }
  /** A tar stream: stdin, or stdout. */
  | { readonly kind: 'stream' };

/** `CONTAINER:PATH`; what begins with `/` or `.` is a path of this machine, whatever it has in it. */
export function parsePlace(text: string): CopyPlace {
  if (text === '') throw usageError('cp', 'one of the two is empty', 'expected a path, or CONTAINER:PATH');
  if (text === '-') return { kind: 'stream' };
  const colon = text.indexOf(':');
  if (colon < 1 || /^[/.]/.test(text)) return { kind: 'local', path: text };
  const inside = text.slice(colon + 1);
  if (inside === '') throw usageError('cp', `${JSON.stringify(text)} names no path in the container`, 'as in web:/srv');
  return { kind: 'container', container: text.slice(0, colon), path: inside.startsWith('/') ? inside : `/${inside}` };
}

/** What is to be copied. */
export interface CopySource {
  readonly isDirectory: boolean;
  /** `/.` is behind it: not itself, but what is in it. */
  readonly isContent: boolean;
  /** Its last name; `.` for a root. */
  readonly name: string;
}

/** What is at the destination, after all links. */
export interface CopyTarget {
  /** Absolute. */
  readonly path: string;
  /** As the user gave it. */
  readonly given: string;
  readonly kind: 'file' | 'directory' | 'other' | undefined;
  /** A slash is behind it: it must be a directory. */
  readonly mustBeDirectory: boolean;
}

export interface CopyPlan {
  /** A directory that is there. */
  readonly into: string;
  /** What the copy is called in it; `.` for content without a name. */
  readonly as: string;
}

/** Where a copy goes, by the rules of `docker cp`. Errors: `failed-precondition` (COPY_UNFIT). */
export function planCopy(source: CopySource, target: CopyTarget): CopyPlan {
  const shown = JSON.stringify(target.given);
  if (target.kind === 'directory') return { into: target.path, as: source.isContent ? '.' : source.name };
  const renamed = { into: path.posix.dirname(target.path), as: path.posix.basename(target.path) };
  if (target.kind === undefined) {
    if (target.mustBeDirectory && !source.isDirectory)
      throw unfit(`the directory ${shown} is not there`, 'make it first, or leave out the slash to give the copy that name');
    return renamed;
  }
  if (source.isDirectory) throw unfit(`${shown} is a file, and a directory cannot take its place`);
  if (target.mustBeDirectory) throw unfit(`${shown} is not a directory`);
  if (target.kind === 'other') throw unfit(`${shown} is neither a file nor a directory`);
  return renamed;
}
