import { statSync } from 'node:fs';
import {
  type CreateVolumeOptions,
  canceled,
  type Mount,
  type PluginDirs,
  step,
  throwIfAborted,
  tokens,
  type VolumeDriver,
  type VolumeInfo,
  type VolumeUsage,
  wrapError,
} from '@slipway/plugin-api';
import { inject, injectable } from 'tsyringe';
import {
  invalidName,
  invalidOption,
  invalidUser,
  sourceGone,
  volumeExists,
  volumeInUse,
  volumeNotFound,
  volumesClosed,
} from './errors.js';
import { mountTmpfs, unmountTmpfs } from './tmpfs-volume.js';
import type { VolumeRecord } from './volume-file.js';
import { VolumeFolders, withJobs } from './volume-folders.js';
import { type VolumeBacking, volumeBacking } from './volume-options.js';
import { VolumeUsers } from './volume-users.js';

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

/** Volumes as folders of this host; by option also a folder that is there already, or memory. */
@injectable()
export class LocalVolumes implements VolumeDriver, AsyncDisposable {
  readonly #folders: VolumeFolders;
  readonly #users: VolumeUsers;
  #isClosed = false;

  constructor(@inject(tokens.dirs) dirs: PluginDirs) {
    this.#folders = new VolumeFolders(dirs.root);
    this.#users = new VolumeUsers(dirs.state);
  }

  async create(name: string, { options = {}, labels = {} }: CreateVolumeOptions = {}): Promise<VolumeInfo> {
    this.#check('create', name);
    volumeBacking(name, options);
    for (const [label, value] of Object.entries(labels)) {
      if (typeof value !== 'string') throw invalidOption(name, `the label ${JSON.stringify(label)} is no text`);
    }
    return await attempt('create', name, async () => {
      for (;;) {
        const found = this.#folders.read('create', name);
        if (found !== undefined) {
          if (!isSame(found.options, options)) throw volumeExists(name);
          return this.#info(name, found);
        }
        const record = { createdAt: new Date().toISOString(), options: { ...options }, labels: { ...labels } };
        if (this.#folders.make(name, record)) return this.#info(name, record);
      }
    });
  }

  async inspect(name: string): Promise<VolumeInfo> {
    this.#check('inspect', name);
    return await attempt('inspect', name, async () => this.#info(name, this.#record('inspect', name)));
  }

  async list(): Promise<readonly VolumeInfo[]> {
    this.#checkOpen();
    return this.#folders.names().flatMap((name) => {
      const record = this.#folders.read('list', name);
      // Removed since its name was read.
      return record === undefined ? [] : [this.#info(name, record)];
    });
  }

  async remove(name: string, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.#check('remove', name);
    throwIfAborted(`remove volume "${name}"`, signal);
    await attempt('remove', name, async () => {
      const discarded = await this.#discard(name);
      await this.#folders.empty(signal, discarded).catch((error: unknown) => {
        throw signal?.aborted ? canceled(`remove volume "${name}"`, signal) : error;
      });
    });
  }

  async mount(name: string, user: string): Promise<Mount> {
    this.#checkUser('mount', name, user);
    return await attempt('mount', name, async () => {
      using _claim = await this.#folders.claim('mount', name);
      const backing = volumeBacking(name, this.#record('mount', name).options);
      const data = this.#folders.data(name);
      if (backing.kind === 'bind' && statSync(backing.device, { throwIfNoEntry: false })?.isDirectory() !== true) {
        throw sourceGone(name, backing.device);
      }
      if (backing.kind === 'tmpfs') mountTmpfs(data, backing.mount);
      this.#users.add(name, user);
      step('volume.mount.noted', { name, user });
      return backing.kind === 'bind'
        ? { kind: 'bind', source: backing.device, readOnly: backing.readOnly }
        : { kind: 'bind', source: data, readOnly: false };
    });
  }

  async unmount(name: string, user: string): Promise<void> {
    this.#checkUser('unmount', name, user);
    await attempt('unmount', name, async () => {
      using _claim = await this.#folders.claim('unmount', name);
      this.#leave(name, user);
    });
  }

  async usage(name: string, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<VolumeUsage> {
    this.#check('measure', name);
    throwIfAborted(`measure volume "${name}"`, signal);
    return await attempt('measure', name, async () => {
      const backing = this.#backing('measure', name);
      const folder = backing.kind === 'bind' ? backing.device : this.#folders.data(name);
      const { bytes, inodes } = await withJobs(signal, (jobs) => jobs.measure(folder)).catch((error: unknown) => {
        throw signal?.aborted ? canceled(`measure volume "${name}"`, signal) : error;
      });
      return { bytes, files: Math.max(0, inodes - 1) };
    });
  }

  async cleanup(users: ReadonlySet<string>): Promise<void> {
    this.#checkOpen();
    for (const name of this.#users.volumes()) {
      for (const user of this.#users.of(name)) {
        if (users.has(user)) continue;
        using _claim = await this.#folders.claim('clean up', name).catch(() => undefined);
        this.#leave(name, user);
      }
    }
    this.#users.forgetOtherBoots();
    await this.#folders.empty().catch((error: unknown) => {
      throw wrapError('delete what was left of removed volumes', error);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
  }

  async #discard(name: string): Promise<string> {
    using _claim = await this.#folders.claim('remove', name);
    const users = this.#users.of(name);
    if (users.length > 0) throw volumeInUse(name, users);
    // Of a process that was killed in its unmount.
    unmountTmpfs(this.#folders.data(name));
    return this.#folders.discard(name);
  }

  #leave(name: string, user: string): void {
    this.#users.remove(name, user);
    step('volume.unmount.noted', { name, user });
    if (this.#users.of(name).length === 0) unmountTmpfs(this.#folders.data(name));
  }

  #backing(what: string, name: string): VolumeBacking {
    return volumeBacking(name, this.#record(what, name).options);
  }

  #record(what: string, name: string): VolumeRecord {
    const record = this.#folders.read(what, name);
    if (record === undefined) throw volumeNotFound(what, name);
    return record;
  }

  #info(name: string, { createdAt, options, labels }: VolumeRecord): VolumeInfo {
    const backing = volumeBacking(name, options);
    const mountpoint =
      backing.kind === 'folder' ? this.#folders.data(name) : backing.kind === 'bind' ? backing.device : undefined;
    return { name, createdAt, options, labels, ...(mountpoint === undefined ? {} : { mountpoint }) };
  }

  #checkOpen(): void {
    if (this.#isClosed) throw volumesClosed();
  }

  #check(what: string, name: string): void {
    this.#checkOpen();
    if (typeof name !== 'string' || !namePattern.test(name)) throw invalidName(what, String(name));
  }

  #checkUser(what: string, name: string, user: string): void {
    this.#check(what, name);
    if (typeof user !== 'string' || !namePattern.test(user)) throw invalidUser(what, name, String(user));
  }
}

function isSame(some: Readonly<Record<string, string>>, others: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(some);
  return (
    keys.length === Object.keys(others).length && keys.every((key) => Object.hasOwn(others, key) && some[key] === others[key])
  );
}

async function attempt<T>(what: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw wrapError(`${what} volume "${name}"`, error);
  }
}
