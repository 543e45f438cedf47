import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { linux, O_PATH } from '@slipway/linux';
import { hasCode, type Mount, SlipwayError, step, throwIfAborted } from '@slipway/plugin-api';
import { copyAttributes, TreeJobs } from '@slipway/snapshots';

/** Being copied; whoever finds it begins anew. */
const partialName = '.slipway-fill.partial';
/** Copied whole; whoever finds it goes on moving what is in it up. */
const readyName = '.slipway-fill.ready';

export interface FillVolume {
  readonly volume: string;
  readonly mount: Mount;
  /** Descriptor of the container's root. */
  readonly tree: number;
  /** A folder in it, resolved. */
  readonly from: string;
  /** It was looked at before for this container: only what was begun is brought to its end. */
  readonly begun: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Gives an empty volume what the image has where it is mounted: owners, modes, attributes, links, and of the folder itself too. The caller holds the volume's lock.
 *
 * Killed at any moment, the volume is empty but for what is begun anew, or has a whole copy that the next one goes on moving to its place. Names are taken by descriptor: a
 * container that has the volume already can neither lead the copy out of it nor have anything of its own replaced.
 */
export async function fillVolume(fill: FillVolume): Promise<void> {
  const { volume, mount, from, begun, signal } = fill;
  const target = linux.mountDetached([mount]);
  try {
    const top = `/proc/self/fd/${target}/`;
    const isReady = isFolder(top + readyName);
    if (!isReady && (begun || !isEmpty(top))) return;
    await using jobs = new TreeJobs();
    const end = (): void => void jobs[Symbol.asyncDispose]();
    signal?.addEventListener('abort', end);
    try {
      if (!isReady) await copyWhole(jobs, fill, top);
      await moveUp(jobs, target, top);
    } catch (error) {
      throwIfAborted(`copy ${JSON.stringify(from)} to volume "${volume}"`, signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', end);
    }
  } finally {
    closeSync(target);
  }
  step('volume.fill.done', { volume });
}

async function copyWhole(jobs: TreeJobs, { volume, tree, from }: FillVolume, top: string): Promise<void> {
  const source = linux.openInRoot(tree, from, O_PATH | constants.O_DIRECTORY);
  try {
    const partial = top + partialName;
    if (isFolder(partial)) await jobs.remove(partial);
    // A container can give anything that name.
    else rmSync(partial, { force: true });
    refuseOurNames(volume, from, readdirSync(`/proc/self/fd/${source}/`));
    mkdirSync(partial, { mode: 0o700 });
    step('volume.fill.begun', { volume });
    await jobs.copy(`/proc/self/fd/${source}/.`, partial);
    step('volume.fill.copied', { volume });
    await jobs.sync(partial);
    renameSync(partial, top + readyName);
    step('volume.fill.ready', { volume });
  } finally {
    closeSync(source);
  }
}

/** What is in the way was made by a container that has the volume meanwhile, and stays. */
async function moveUp(jobs: TreeJobs, target: number, top: string): Promise<void> {
  const ready = openSync(top + readyName, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const folder = `/proc/self/fd/${ready}/`;
    const stats = lstatSync(`${folder}.`, { bigint: true });
    for (const name of readdirSync(folder, { encoding: 'buffer' })) {
      try {
        linux.renameNoReplace(Buffer.concat([Buffer.from(folder), name]), Buffer.concat([Buffer.from(top), name]));
      } catch (error) {
        if (!hasCode(error, 'EEXIST', 'ENOTEMPTY', 'ENOENT')) throw error;
      }
      step('volume.fill.moved', { name: name.toString() });
    }
    copyAttributes(`${folder}.`, `${top}.`, stats);
    await jobs.remove(top + readyName);
    // Which has changed them again.
    linux.lutimes(`${top}.`, stats.atimeNs, stats.mtimeNs);
  } finally {
    closeSync(ready);
  }
  flush(target);
}

function flush(target: number): void {
  const fd = openSync(`/proc/self/fd/${target}/.`, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isFolder(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** But for what a killed copy left. */
function isEmpty(top: string): boolean {
  const directory = opendirSync(top);
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      if (entry.name !== partialName) return false;
    }
    return true;
  } finally {
    directory.closeSync();
  }
}

/** In the image's folder they would be taken for our own. */
function refuseOurNames(volume: string, from: string, names: readonly string[]): void {
  const ours = names.find((name) => name === partialName || name === readyName);
  if (ours === undefined) return;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'VOLUME_FILL_REFUSED',
    message: `copy ${JSON.stringify(from)} of the image to volume "${volume}": it has "${ours}", a name that is needed for the copy`,
    hint: 'mount the volume without a copy: --mount type=volume,volume-nocopy,...',
    details: { volume, path: from, name: ours },
  });
}
