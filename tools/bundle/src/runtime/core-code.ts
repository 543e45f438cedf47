import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Script } from 'node:vm';

/**
 * Compiled code of the core, with the functions that a command uses. Node's own cache has none that is compiled when it is first called, which is
 * nearly all: they were compiled anew at each start (ps: 15 of 80 ms, run: 40 of 190).
 *
 * The first run of each command keeps what it has used. In the file: V8's data, what it is for, the length of that.
 */
export class CoreCode {
  /** V8's data; undefined when there is none of this core for this Node. */
  readonly data: Buffer | undefined;
  readonly #file: string;
  readonly #source: string;

  /**
   * @param folder nobody else may write to it: what lies there is run
   * @param source the file of the core, open at `fd`: by its name it may be another one the next moment
   */
  constructor(folder: string, source: string, fd: number, command: string) {
    this.#file = path.join(folder, `core-${command.replace(' ', '-')}-${encodeURIComponent(source).slice(-150)}`);
    this.#source = identityOf(fd);
    this.data = read(this.#file, this.#source);
  }

  /** Failures are no errors: the next one tries again. */
  keep(script: Script): void {
    const source = Buffer.from(this.#source);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(source.length);
    const fresh = `${this.#file}.${process.pid}`;
    try {
      const fd = openSync(fresh, 'wx', 0o600);
      try {
        for (const part of [script.createCachedData(), source, length]) writeAll(fd, part);
        // V8 trusts what it reads: after a power failure the name must not be on half a file.
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(fresh, this.#file);
    } catch {
      rmSync(fresh, { force: true });
    }
  }
}

function read(file: string, source: string): Buffer | undefined {
  try {
    const all = readFileSync(file);
    const end = all.length - 4;
    const begin = end - all.readUInt32LE(end);
    return all.toString('utf8', begin, end) === source ? all.subarray(0, begin) : undefined;
  } catch {
    return undefined;
  }
}

/** Which file, by which Node with which flags: V8 compares the length of the text, no more. */
function identityOf(fd: number): string {
  const { dev, ino, size, mtimeNs } = fstatSync(fd, { bigint: true });
  return [dev, ino, size, mtimeNs, process.version, process.arch, ...process.execArgv].join(' ');
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let rest = bytes; rest.length > 0; ) rest = rest.subarray(writeSync(fd, rest));
}
