import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { hasCode, step } from '@slipway/plugin-api';
import { claimFolder, type FolderClaim, makeFolder, TreeJobs } from '@slipway/snapshots';
import { volumeNotFound } from './errors.js';
import { readVolumeFile, syncFolder, type VolumeRecord, writeVolumeFile } from './volume-file.js';

const [dataName, fileName] = ['_data', 'volume.json'];

const retryMs = 5;

/**
 * The folders on disk. A volume is there when its folder has its name, which it gets when it is whole and flushed, and loses before any of it is deleted.
 * ```
 * volumes/<name>/_data          what containers see
 * volumes/<name>/volume.json    when it was made, options, labels
 * new/<random>/                 being made
 * trash/<random>/               being deleted
 * ```
 */
export class VolumeFolders {
  readonly #volumes: string;
  readonly #new: string;
  readonly #trash: string;

  constructor(root: string) {
    [this.#volumes, this.#new, this.#trash] = [path.join(root, 'volumes'), path.join(root, 'new'), path.join(root, 'trash')];
    for (const folder of [this.#volumes, this.#new, this.#trash]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  data(name: string): string {
    return path.join(this.#volumes, name, dataName);
  }

  read(what: string, name: string): VolumeRecord | undefined {
    return readVolumeFile(what, name, path.join(this.#volumes, name, fileName));
  }

  names(): string[] {
    return readdirSync(this.#volumes).sort();
  }

  /** False when the name is taken by then. */
  make(name: string, record: VolumeRecord): boolean {
    using folder = this.#newFolder();
    const data = path.join(folder.path, dataName);
    mkdirSync(data);
    // As docker's, whatever the umask: who may look into the folder is said by those above it.
    chmodSync(data, 0o755);
    chmodSync(folder.path, 0o701);
    writeVolumeFile(path.join(folder.path, fileName), record);
    for (const each of [data, folder.path]) syncFolder(each);
    step('volume.create.filled', { name });
    try {
      linux.renameNoReplace(folder.path, path.join(this.#volumes, name));
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      rmSync(folder.path, { recursive: true });
      return false;
    }
    syncFolder(this.#volumes);
    step('volume.create.named', { name });
    return true;
  }

  /** For as long as it is held nobody else mounts, unmounts or removes the volume. Errors: `not-found`. */
  async claim(what: string, name: string): Promise<FolderClaim> {
    const folder = path.join(this.#volumes, name);
    for (;;) {
      const claim = claimFolder(linux, folder);
      if (claim !== undefined) return claim;
      if (!existsSync(folder)) throw volumeNotFound(what, name);
      await sleep(retryMs);
    }
  }

  /** The volume is no more; what it was is left to {@link VolumeFolders.empty}, by the name returned. The caller has claimed it. */
  discard(name: string): string {
    const discarded = randomName();
    renameSync(path.join(this.#volumes, name), path.join(this.#trash, discarded));
    syncFolder(this.#volumes);
    step('volume.remove.discarded', { name });
    return discarded;
  }

  /**
   * Deletes what was discarded and what was never finished, also by processes that were killed. With `wanted`, what else cannot be deleted is left to the
   * next one.
   */
  async empty(signal?: AbortSignal, wanted?: string): Promise<void> {
    for (const name of readdirSync(this.#new)) {
      using claim = claimFolder(linux, path.join(this.#new, name));
      if (claim !== undefined) renameSync(claim.path, path.join(this.#trash, name));
    }
    const names = readdirSync(this.#trash);
    const failures = new Map<string, unknown>();
    await withJobs(signal, async (jobs) => {
      for (const name of names) {
        await jobs.remove(path.join(this.#trash, name)).catch((error: unknown) => failures.set(name, error));
        step('volume.remove.deleted', { name });
      }
    });
    const [failed] = wanted === undefined ? failures.keys() : [wanted];
    if (failed !== undefined && failures.has(failed)) throw failures.get(failed);
  }

  #newFolder(): FolderClaim {
    for (;;) {
      const claim = makeFolder(linux, path.join(this.#new, randomName()));
      if (claim !== undefined) return claim;
    }
  }
}

/** Long work in a thread, which ends when the signal says so. */
export async function withJobs<T>(signal: AbortSignal | undefined, work: (jobs: TreeJobs) => Promise<T>): Promise<T> {
  await using jobs = new TreeJobs();
  const end = (): void => void jobs[Symbol.asyncDispose]();
  signal?.addEventListener('abort', end);
  try {
    return await work(jobs);
  } finally {
    signal?.removeEventListener('abort', end);
  }
}

function randomName(): string {
  return randomBytes(16).toString('hex');
}
