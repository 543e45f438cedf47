import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import {
  type CommitOptions,
  type LayerTarget,
  type LayerTree,
  type MetadataStore,
  type Mount,
  type PrepareOptions,
  type SlipwayError,
  type SnapshotInfo,
  type Snapshotter,
  type SnapshotUsage,
  step,
  wrapError,
} from '@slipway/plugin-api';
import { SnapshotBooks } from './books.js';
import { rebaseUnsupported, treeGone, wrongKind } from './errors.js';
import { claimFolder, type FolderClaim, makeFolder, SnapshotFolders } from './folders.js';
import type { SnapshotRow } from './row.js';
import type { SnapshotPlace, SnapshotTrees, TreeNames } from './snapshot-trees.js';
import { TreeJobs } from './tree-jobs.js';

export interface DirectorySnapshotterOptions {
  /** The plugin's id: part of the names of its tables. */
  readonly id: string;
  readonly root: string;
  readonly metadata: MetadataStore;
  readonly trees: SnapshotTrees;
}

/**
 * A {@link Snapshotter} that keeps a folder for each snapshot.
 *
 * A snapshot is there when its row is. Its folder is made before and removed after, under the lock of whoever does it; ids
 * are never used twice. So a folder without a row that nobody has locked is what a crash left.
 */
export class DirectorySnapshotter implements Snapshotter, AsyncDisposable {
  readonly #books: SnapshotBooks;
  readonly #folders: SnapshotFolders;
  readonly #trees: SnapshotTrees;
  readonly #jobs = new TreeJobs();

  constructor({ id, root, metadata, trees }: DirectorySnapshotterOptions) {
    this.#books = new SnapshotBooks(metadata, id);
    this.#folders = new SnapshotFolders(root);
    this.#trees = trees;
  }

  async stat(key: string): Promise<SnapshotInfo> {
    return info(this.#books.row('stat snapshot', key));
  }

  async update(key: string, labels: Readonly<Record<string, string>>): Promise<SnapshotInfo> {
    return info(await this.#books.update('update snapshot', key, labels));
  }

  async usage(key: string): Promise<SnapshotUsage> {
    const place = this.#place(this.#books.row('measure snapshot', key), []);
    const usage = this.#trees.usage?.(place, this.#jobs) ?? this.#jobs.measure(place.tree);
    return await attempt(`measure snapshot "${key}"`, usage);
  }

  async mounts(key: string): Promise<readonly Mount[]> {
    const place = this.#find('mount snapshot', key);
    if (place.kind === 'committed') throw wrongKind('mount snapshot', key, place.kind, '"active" or "view"');
    return this.#trees.mounts(place);
  }

  async layerTarget(key: string): Promise<LayerTarget> {
    const place = this.#find('apply a layer to snapshot', key);
    if (place.kind !== 'active') throw wrongKind('apply a layer to snapshot', key, place.kind, '"active"');
    return this.#trees.layerTarget(place);
  }

  async trees(key: string): Promise<readonly LayerTree[]> {
    const place = this.#find('read snapshot', key);
    try {
      return this.#trees.trees(place);
    } catch (error) {
      throw wrapError(`read snapshot "${key}"`, goneTree('read snapshot', key, [place.tree, ...place.parents]) ?? error);
    }
  }

  async prepare(key: string, parent?: string, options: PrepareOptions = {}): Promise<readonly Mount[]> {
    return await this.#create('prepare snapshot', 'active', key, parent, options);
  }

  async view(key: string, parent?: string, options: PrepareOptions = {}): Promise<readonly Mount[]> {
    return await this.#create('view snapshot', 'view', key, parent, options);
  }

  async commit(name: string, key: string, { parent, labels }: CommitOptions = {}): Promise<void> {
    const what = 'commit snapshot';
    if (parent !== undefined && this.#trees.checkRebase === undefined) throw rebaseUnsupported(what, key);
    const { row, newParent } = this.#books.checkCommit(what, name, key, parent);
    const place = this.#place(row, this.#ancestors(what, newParent?.name ?? row.parent));
    if (newParent !== undefined) this.#trees.checkRebase?.(place);
    using _claim = await this.#seal(what, { name, key, parent }, place);
    step('snapshot.commit.synced', { name, key });
    await this.#books.commit(what, { id: row.id, name, key, newParent, labels });
    step('snapshot.commit.recorded', { name, key });
    // It is committed; what stays behind goes with the snapshot.
    await this.#trees.settle({ ...place, kind: 'committed' }, this.#jobs).catch(() => undefined);
  }

  async remove(key: string): Promise<void> {
    const { id } = await this.#books.remove('remove snapshot', key);
    step('snapshot.remove.recorded', { key });
    await attempt(`remove snapshot "${key}"`, this.#discard(id));
    step('snapshot.remove.deleted', { key });
  }

  async *walk(): AsyncIterable<SnapshotInfo> {
    for (const row of this.#books.all()) yield info(row);
  }

  async cleanup(): Promise<void> {
    // Folders first: one that is made and recorded in between has its row by the time the rows are read.
    const folders = this.#folders.ids();
    const rows = this.#books.ids();
    const failures: unknown[] = [];
    for (const id of folders) {
      if (rows.has(id)) continue;
      try {
        await this.#discard(id);
        step('snapshot.cleanup.deleted', { id });
      } catch (error) {
        // One folder that cannot be deleted must not keep the others.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw wrapError(`clean up snapshots: ${failures.length} could not be deleted`, failures[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#books.close();
    await this.#jobs[Symbol.asyncDispose]();
  }

  async #create(
    what: string,
    kind: 'active' | 'view',
    key: string,
    parent: string | undefined,
    { labels }: PrepareOptions,
  ): Promise<readonly Mount[]> {
    const parentRow = this.#books.check(what, key, parent);
    const { id, claim } = await attempt(`${what} "${key}"`, this.#newFolder());
    const place = this.#place({ id, kind }, this.#ancestors(what, parentRow?.name));
    try {
      using _claim = claim;
      try {
        // Not every way to fill it reads the parent.
        const gone = goneTree(what, key, place.parents.slice(0, 1));
        if (gone !== undefined) throw gone;
        await this.#fill(place);
      } catch (error) {
        // The parent went away beneath: that is the reason to tell.
        this.#books.check(what, key, parent);
        throw wrapError(`${what} "${key}"`, goneTree(what, key, place.parents) ?? error);
      }
      step('snapshot.prepare.directory', { key, id });
      await this.#books.record(what, { id, kind, key, parent: parentRow, labels });
    } catch (error) {
      // What cannot be removed now is removed by a later cleanup; the first error is the one that counts.
      await this.#discard(id).catch(() => undefined);
      throw error;
    }
    step('snapshot.prepare.recorded', { key, id });
    return this.#trees.mounts(place);
  }

  /** Two that make the same files would be in each other's way; what holds the folder has to be released after the row is written. */
  async #seal(what: string, { name, key, parent }: Sealed, place: SnapshotPlace): Promise<Disposable | undefined> {
    if (this.#trees.seal === undefined) {
      await attempt(`${what} "${key}"`, this.#jobs.sync(place.tree));
      return undefined;
    }
    for (;;) {
      const claim = claimFolder(linux, place.folder);
      try {
        // Committed or removed by who had it before.
        this.#books.checkCommit(what, name, key, parent);
        if (claim !== undefined) {
          await attempt(`${what} "${key}"`, this.#trees.seal(place, this.#jobs));
          return claim;
        }
      } catch (error) {
        claim?.[Symbol.dispose]();
        throw error;
      }
      if (!existsSync(place.folder)) throw treeGone(what, key, place.folder);
      await setTimeout(claimPauseMs);
    }
  }

  async #newFolder(): Promise<{ readonly id: number; readonly claim: FolderClaim }> {
    for (;;) {
      const id = await this.#books.newId();
      const claim = makeFolder(linux, this.#folders.of(id));
      if (claim !== undefined) return { id, claim };
    }
  }

  async #fill(place: SnapshotPlace): Promise<void> {
    const own = this.#trees.names === undefined ? [place.tree] : [];
    for (const tree of own) {
      mkdirSync(tree);
      chmodSync(tree, 0o755);
    }
    await this.#trees.fill(place, this.#jobs);
    for (const folder of [...own, place.folder, this.#folders.top]) await syncFolder(folder);
  }

  /** Deletes the folder of an id that has no row, unless another process is at it. */
  async #discard(id: number): Promise<void> {
    using claim = claimFolder(linux, this.#folders.of(id));
    // Its maker may have recorded it between our look at the rows and the lock.
    if (claim === undefined || this.#books.ids().has(id)) return;
    await this.#jobs.remove(claim.path);
  }

  #find(what: string, key: string): SnapshotPlace {
    const { row, parents } = this.#books.lineage(what, key);
    return this.#place(row, parents);
  }

  /** The committed snapshot of a name with those below it, topmost first. */
  #ancestors(what: string, name: string | undefined): readonly SnapshotRow[] {
    if (name === undefined) return [];
    const { row, parents } = this.#books.lineage(what, name);
    return [row, ...parents];
  }

  #place({ id, kind }: Pick<SnapshotRow, 'id' | 'kind'>, parents: readonly SnapshotRow[]): SnapshotPlace {
    const { active, committed } = this.#trees.names ?? directories;
    return {
      kind,
      folder: this.#folders.of(id),
      tree: join(this.#folders.of(id), kind === 'committed' ? committed : active),
      parents: parents.map((parent) => join(this.#folders.of(parent.id), committed)),
    };
  }
}

/** The snapshot that a commit makes another of. */
interface Sealed {
  readonly name: string;
  readonly key: string;
  readonly parent: string | undefined;
}

const directories: TreeNames = { active: 'fs', committed: 'fs' };
const claimPauseMs = 10;

function info({ id: _, ...rest }: SnapshotRow): SnapshotInfo {
  return rest;
}

/** The reason to tell when one of them is gone: a bare ENOENT of its attributes, or of a mount later, says nothing of a snapshot. */
function goneTree(what: string, key: string, trees: readonly string[]): SlipwayError | undefined {
  const gone = trees.find((tree) => !existsSync(tree));
  return gone === undefined ? undefined : treeGone(what, key, gone);
}

async function attempt<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw wrapError(what, error);
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
