import { readFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { hasCode, step } from '@slipway/plugin-api';
import { writeInode } from './ext4.js';
import type { MadeFiles } from './made-files.js';
import type { RootAttributes } from './root-attributes.js';
import { decodeTemplate, encodeTemplate, hasMkfs, type Template } from './template.js';

const version = 2;

/** The file's time of change, as long as nobody has mounted it to be written: whoever only writes to it cannot set it back. */
export const madeAt = 0;

/** File systems to write to: made once for each size, then written block by block, which takes a millisecond and needs no mount. */
export class Templates {
  readonly #files: MadeFiles;
  readonly #loaded = new Map<number, Promise<Template>>();

  constructor(files: MadeFiles) {
    this.#files = files;
  }

  /** With a template mkfs is not needed. */
  canMake(bytes: number): boolean {
    return this.#files.isThere(nameOf(bytes)) || hasMkfs();
  }

  /** Makes the file `path`, flushed. `upper`: attributes of the folder in it that is written to. */
  async clone(bytes: number, path: string, upper: RootAttributes | undefined): Promise<void> {
    const { parts, upperInodeAt } = await this.#load(bytes);
    await using file = await open(path, 'wx+', 0o600);
    await file.truncate(bytes);
    for (const { at, data } of parts) writeSync(file.fd, data, 0, data.length, at);
    if (upper !== undefined) writeInode(file.fd, upperInodeAt, upper);
    await file.utimes(madeAt, madeAt);
    await file.sync();
  }

  async #load(bytes: number): Promise<Template> {
    const loading = this.#loaded.get(bytes) ?? this.#readOrMake(bytes);
    this.#loaded.set(bytes, loading);
    try {
      return await loading;
    } catch (error) {
      this.#loaded.delete(bytes);
      throw error;
    }
  }

  async #readOrMake(bytes: number): Promise<Template> {
    return this.#read(bytes) ?? (await this.#make(bytes));
  }

  #read(bytes: number): Template | undefined {
    try {
      return decodeTemplate(readFileSync(this.#files.path(nameOf(bytes))), bytes);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  async #make(bytes: number): Promise<Template> {
    const { makeTemplate } = await import('./make-template.js');
    return await this.#files.make(nameOf(bytes), async (folder, file) => {
      const template = await makeTemplate(folder, bytes);
      await file.writeFile(encodeTemplate(template));
      step('kata.template.made', { bytes });
      return template;
    });
  }
}

function nameOf(bytes: number): string {
  return `upper-${bytes}.v${version}`;
}
