import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { neutralize } from '@slipway/oci';
import { hasCode, type Logger } from '@slipway/plugin-api';
import type { TemplateFiles } from '../machine-settings.js';
import { encodePlan, type PlanStep } from '../plan.js';

/** Each keeps what its guest has touched, some 90 MiB, in memory. */
const most = 3;
/** Behind the name of one that is thrown away. */
const gone = '.gone';
/** The state of one that is not made yet. */
const unfinished = 'state.making';
/** Who has not made it by then was ended. */
const makingLimitMs = 600_000;
const MiB = 1024 * 1024;

/**
 * Templates in a folder that is gone with the next boot of the host: each a folder with its key as name, in which the state has its name when all is whole. Clones that run keep their files,
 * whatever is removed.
 */
export class TemplateFolder {
  constructor(
    private readonly folder: string,
    private readonly log: Logger,
  ) {}

  /** The one of this key, from now on the one used last. `sealed`: nobody writes to its memory any more. */
  find(key: string, memoryMiB: number, sealed = false): TemplateFiles | undefined {
    const folder = path.join(this.folder, key);
    const files = filesIn(folder);
    try {
      if (statSync(files.memory).size !== memoryMiB * MiB || !existsSync(files.state)) return undefined;
      const now = new Date();
      utimesSync(folder, now, now);
      if (!sealed) return files;
      chmodSync(files.memory, 0o444);
      return { ...files, sealed };
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /**
   * Has one made by a process of its own, which this one does not wait for; nothing where another process is at it, or there is no room.
   * `steps`: what to do in the folder where it is made, for files in it.
   */
  async make(
    key: string,
    memoryMiB: number,
    shim: string,
    steps: (files: TemplateFiles, folder: string) => Promise<readonly PlanStep[]>,
  ): Promise<void> {
    if (this.find(key, memoryMiB) !== undefined) return;
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#sweep();
    const { bavail, bsize } = statfsSync(this.folder);
    const folder = path.join(this.folder, key);
    if (bavail * bsize < 2 * memoryMiB * MiB || !makeFolder(folder)) return;
    try {
      const files = { ...filesIn(folder), state: path.join(folder, unfinished) };
      // QEMU gets it as a descriptor. Who could open it anew for writing would write what every later clone's QEMU reads.
      writeFileSync(files.state, '', { flag: 'wx', mode: 0o600 });
      closeSync(openSync(files.memory, 'wx'));
      // QEMU opens it itself, as the user that it has for each machine; who may come into the folder is root alone.
      chmodSync(files.memory, 0o666);
      truncateSync(files.memory, memoryMiB * MiB);
      const plan = path.join(folder, 'vm.plan');
      // The folder keeps its name, and so its machine's user stays taken until that machine has ended.
      const done: PlanStep = ['rename', files.state, filesIn(folder).state];
      writeFileSync(plan, encodePlan([...(await steps(files, folder)), done]), { mode: 0o600 });
      this.#start(shim, plan, folder);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  #start(shim: string, plan: string, folder: string): void {
    const words = path.join(folder, 'words');
    const output = openSync(words, 'wx', 0o600);
    const child = spawn(shim, ['probe', plan], { cwd: folder, detached: true, stdio: ['ignore', 'ignore', output], env: {} });
    closeSync(output);
    const failed = (reason: string) => {
      this.log.warn('no template of machines could be made', { reason });
      rmSync(folder, { recursive: true, force: true });
    };
    child.on('error', (error) => failed(error.message));
    child.on('exit', (code) => {
      if (code !== 0) failed(existsSync(words) ? neutralize(readFileSync(words, 'utf8').trim(), 1000) : 'it was removed');
    });
    child.unref();
    if (child.pid !== undefined) os.setPriority(child.pid, os.constants.priority.PRIORITY_LOW);
  }

  /** At once not to be found any more. */
  discard(key: string): void {
    const away = path.join(this.folder, `${key}.${randomBytes(4).toString('hex')}${gone}`);
    try {
      renameSync(path.join(this.folder, key), away);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return;
      throw error;
    }
    rmSync(away, { recursive: true, force: true });
  }

  /** Leaves room for one more: those that were not used for longest go first. */
  #sweep(): void {
    const entries = readdirSync(this.folder).map((name) => {
      const folder = path.join(this.folder, name);
      return { name, usedMs: usedMs(folder), isWhole: !name.endsWith(gone) && existsSync(filesIn(folder).state) };
    });
    const old = Date.now() - makingLimitMs;
    for (const { name, usedMs, isWhole } of entries)
      if (!isWhole && usedMs < old) rmSync(path.join(this.folder, name), { recursive: true, force: true });
    const whole = entries.filter(({ isWhole }) => isWhole).sort((a, b) => b.usedMs - a.usedMs);
    for (const { name } of whole.slice(most - 1)) this.discard(name);
  }
}

function filesIn(folder: string): TemplateFiles {
  return { memory: path.join(folder, 'memory'), state: path.join(folder, 'state') };
}

/** False: another process is at it. */
function makeFolder(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function usedMs(folder: string): number {
  try {
    return statSync(folder).mtimeMs;
  } catch {
    return 0;
  }
}
