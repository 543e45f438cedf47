import type { FileHandle } from 'node:fs/promises';
import { fromText, quote } from '@slipway/layers';
import { wrapError } from '@slipway/plugin-api';
import { archiveError } from '../errors.js';
import type { ArchiveLimits } from '../limits.js';
import { indexTar, type TarIndex, type TarMember } from '../tar/index-tar.js';
import { type ArchiveFile, type ArchiveFiles, readFully } from './files.js';

/** Links to links to links: more is an attack or a mistake. */
const maxLinks = 8;

/** A tar file of which the place of every member is known. Its descriptor is its own. */
export class TarFiles implements ArchiveFiles {
  private constructor(
    readonly what: string,
    private readonly file: FileHandle,
    private readonly index: TarIndex,
  ) {}

  /** Takes the file over: it is closed with this, and when it cannot be read. */
  static async of(
    what: string,
    file: FileHandle,
    size: number,
    limits: ArchiveLimits,
    signal: AbortSignal | undefined,
  ): Promise<TarFiles> {
    try {
      const read = (target: Buffer, position: number): Promise<number> => readFully(file, target, position);
      return new TarFiles(what, file, await indexTar(what, { size, read }, limits, signal));
    } catch (error) {
      await file.close();
      throw wrapError(`read ${what}`, error);
    }
  }

  async open(name: string): Promise<ArchiveFile | undefined> {
    const member = this.#member(fromText(name));
    if (member === undefined) return undefined;
    return {
      size: member.size,
      read: async (target, position) => {
        const bytes = Math.max(0, Math.min(target.length, member.size - position));
        try {
          return await readFully(this.file, target.subarray(0, bytes), member.offset + position);
        } catch (error) {
          throw wrapError(`read ${JSON.stringify(name)} of ${this.what}`, error);
        }
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  /** Old docker-archives keep a layer once and link to it from every image that has it. */
  #member(name: string): TarMember | undefined {
    let at = normal(name.split('/'));
    for (let links = 0; at !== undefined; links++) {
      const member = this.index.get(at.join('/'));
      if (member?.link === undefined) return member;
      if (links === maxLinks)
        throw archiveError('ARCHIVE_NAME_INVALID', `${this.what}: ${quote(name)} is a link to links without end`);
      const { type, target } = member.link;
      const base = type === 'hard' ? [] : at.slice(0, -1);
      at = target.startsWith('/') ? undefined : normal([...base, ...target.split('/')]);
      if (at === undefined)
        throw archiveError(
          'ARCHIVE_NAME_INVALID',
          `${this.what}: ${quote(name)} is a link to ${quote(target)}, out of the archive`,
        );
    }
    throw archiveError('ARCHIVE_NAME_INVALID', `${this.what}: the name ${quote(name)} leads out of the archive`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.file.close();
  }
}

/** Undefined when it leads out. */
function normal(parts: readonly string[]): readonly string[] | undefined {
  const clean: string[] = [];
  for (const part of parts) {
    if (part === '..' && clean.pop() === undefined) return undefined;
    if (part !== '' && part !== '.' && part !== '..') clean.push(part);
  }
  return clean;
}
