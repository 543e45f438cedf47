import { closeSync, lstatSync, openSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { packTree } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { type Container, wrapError } from '@slipway/plugin-api';
import { localFailure } from './failure.js';
import { followLinks } from './follow-links.js';
import { type CopyTarget, planCopy } from './place.js';

export interface CopyInOptions {
  readonly followLink: boolean;
  /** Owners as they are here; else all belongs to the container's root. */
  readonly archive: boolean;
  readonly signal: AbortSignal;
}

/** From a path of this machine to a container. */
export async function copyIn(
  container: Container,
  from: string,
  to: string,
  { followLink, archive, signal }: CopyInOptions,
): Promise<void> {
  const source = localSource(from, followLink);
  const { into, as } = planCopy(source, await containerTarget(container, to));
  const directory = openFolder(from, path.dirname(source.path));
  try {
    const name = source.path === '/' ? '.' : latin1(path.basename(source.path));
    const archived = Readable.from(packTree({ directory, name, as: latin1(as) }, { system: linux }), { objectMode: false });
    await container.copyTo(into, archived, { keepOwners: archive, noReplaceKind: true, signal });
  } finally {
    closeSync(directory);
  }
}

function openFolder(from: string, folder: string): number {
  try {
    return openSync(folder, 'r');
  } catch (error) {
    throw wrapError(`copy ${JSON.stringify(from)}`, localFailure(from, error));
  }
}

interface LocalSource {
  /** Absolute. */
  readonly path: string;
  readonly isDirectory: boolean;
  readonly isContent: boolean;
  readonly name: string;
}

function localSource(from: string, followLink: boolean): LocalSource {
  const full = path.resolve(from);
  try {
    const isFolder = /\/\.?$/.test(from) || from === '.' || from === '..';
    const isLink = lstatSync(full).isSymbolicLink();
    const real = isLink && (followLink || isFolder) ? realpathSync(full) : full;
    const isDirectory = (isFolder ? statSync(`${full}/.`) : lstatSync(real)).isDirectory();
    const isContent = /\/\.$/.test(from) || from === '.';
    return { path: real, isDirectory, isContent, name: path.basename(full) || '.' };
  } catch (error) {
    throw wrapError(`copy ${JSON.stringify(from)}`, localFailure(from, error));
  }
}

async function containerTarget(container: Container, to: string): Promise<CopyTarget> {
  const { path: found, stat } = await followLinks(container, path.posix.normalize(to).replace(/(?<=.)\/$/, ''));
  const kind = stat === undefined ? undefined : stat.kind === 'symlink' ? 'other' : stat.kind;
  return { path: found, given: to, kind, mustBeDirectory: /\/\.?$/.test(to) };
}

function latin1(name: string): string {
  return Buffer.from(name).toString('latin1');
}
