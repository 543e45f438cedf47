import { closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '@slipway/plugin-api';

/**
 * Who has which volume: an empty file `users/<boot>/<volume>/<user>` for each, in the state folder. What another boot of the machine
 * wrote counts for nothing, also where the state folder outlives one.
 */
export class VolumeUsers {
  readonly #top: string;
  readonly #folder: string;

  constructor(state: string) {
    this.#top = path.join(state, 'users');
    this.#folder = path.join(this.#top, readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  of(volume: string): readonly string[] {
    return namesIn(path.join(this.#folder, volume));
  }

  add(volume: string, user: string): void {
    const folder = path.join(this.#folder, volume);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    closeSync(openSync(path.join(folder, user), constants.O_WRONLY | constants.O_CREAT, 0o600));
  }

  remove(volume: string, user: string): void {
    const folder = path.join(this.#folder, volume);
    rmSync(path.join(folder, user), { force: true });
    try {
      rmdirSync(folder);
    } catch (error) {
      if (!hasCode(error, 'ENOTEMPTY', 'ENOENT')) throw error;
    }
  }

  /** Volumes that somebody has. */
  volumes(): readonly string[] {
    return namesIn(this.#folder);
  }

  forgetOtherBoots(): void {
    const own = path.basename(this.#folder);
    for (const name of namesIn(this.#top)) {
      if (name !== own) rmSync(path.join(this.#top, name), { recursive: true, force: true });
    }
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
