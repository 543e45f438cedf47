import { closeSync, readSync } from 'node:fs';
import { cString } from './bytes.js';
import { checked, errnoName, systemError } from './errors.js';
import { libc } from './libc.js';

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;

/** A file system being configured: fsopen(2) to fsmount(2). */
export class FsContext implements Disposable {
  readonly #fd: number;
  readonly #fstype: string;
  readonly #source: string | undefined;

  constructor(fstype: string, source?: string) {
    this.#fstype = fstype;
    this.#source = source;
    this.#fd = checked(libc().fsopen(cString(fstype), FSOPEN_CLOEXEC), 'fsopen', fstype);
    try {
      if (source !== undefined) this.set('source', source);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  flag(key: string): void {
    this.#check(libc().fsconfig(this.#fd, FSCONFIG_SET_FLAG, cString(key), null, 0), `fsconfig ${key}`);
  }

  set(key: string, value: string): void {
    this.#check(libc().fsconfig(this.#fd, FSCONFIG_SET_STRING, cString(key), cString(value), 0), `fsconfig ${key}`, value);
  }

  /** Makes the file system and mounts it nowhere. Returns the mount's descriptor. */
  mount(attributes: number): number {
    this.#check(libc().fsconfig(this.#fd, FSCONFIG_CMD_CREATE, null, null, 0), 'fsconfig create');
    return this.#check(libc().fsmount(this.#fd, FSMOUNT_CLOEXEC, attributes), 'fsmount');
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #check(result: number, syscall: string, value?: string): number {
    if (result !== -1) return result;
    const errno = libc().errno();
    throw systemError(errno, syscall, value ?? this.#source ?? this.#fstype, undefined, this.#messages());
  }

  /** What the kernel says about the failure: one message per read, ENODATA at the end. */
  #messages(): string | undefined {
    const buffer = Buffer.alloc(4096);
    const messages: string[] = [];
    try {
      for (;;)
        messages.push(
          buffer
            .toString('utf8', 0, readSync(this.#fd, buffer))
            .trim()
            .replace(/^[ewi] /, ''),
        );
    } catch (error) {
      if (!(error instanceof Error && 'errno' in error && errnoName(-Number(error.errno)) === 'ENODATA')) throw error;
    }
    return messages.length === 0 ? undefined : messages.join('; ');
  }
}
