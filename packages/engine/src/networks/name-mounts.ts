import { closeSync, existsSync, openSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { linux, O_PATH } from '@slipway/linux';
import { hasCode, type RuntimeMount, wrapError } from '@slipway/plugin-api';
import { resolveTarget } from '../mounts/resolve-target.js';
import type { EngineParts } from '../settings.js';

/** What programs learn of names from, and where it is in the bundle. */
export type NameFile = 'hosts' | 'resolv.conf' | 'hostname';

export interface NameMountsInput {
  readonly parts: Pick<EngineParts, 'log'>;
  /** Descriptor of the container's root. */
  readonly tree: number;
  readonly bundle: string;
  /** What is mounted in it before. */
  readonly mounts: readonly RuntimeMount[];
  readonly readOnly: boolean;
  readonly files: readonly NameFile[];
  /** None is made where the image has none: nobody would read it. */
  readonly onlyExisting: boolean;
}

export interface NameMounts {
  /** The files that are mounted. */
  readonly files: readonly NameFile[];
  readonly mounts: readonly RuntimeMount[];
}

/** Where a link of the image would have it mounted over something of the kernel's, or where there is no place for a file. */
const kernelFolders = ['/proc', '/dev', '/sys'];

/**
 * Binds of /etc/hosts and the like, each where the image's own links lead. What the user has mounted there is as they want it, and an image whose links lead astray goes without.
 */
export function nameMounts({ parts, tree, bundle, mounts, readOnly, files, onlyExisting }: NameMountsInput): NameMounts {
  const others = mounts.filter(({ type }) => type !== 'tmpfs').map(({ destination }) => destination);
  const covered = mounts.map(({ destination }) => destination);
  const placed: { file: NameFile; mount: RuntimeMount }[] = [];
  for (const file of files) {
    const destination = placeFor({ parts, tree, onlyExisting }, `/etc/${file}`, covered);
    if (destination === undefined || others.some((other) => isWithin(destination, other)) || covered.includes(destination))
      continue;
    if (placed.some(({ mount }) => mount.destination === destination)) continue;
    const options = ['bind', 'rprivate', 'nosuid', 'noexec', 'nodev', ...(readOnly ? ['ro'] : [])];
    placed.push({ file, mount: { destination, type: 'bind', source: path.join(bundle, file), options } });
  }
  return { files: placed.map(({ file }) => file), mounts: placed.map(({ mount }) => mount) };
}

function placeFor(
  { parts, tree, onlyExisting }: Pick<NameMountsInput, 'parts' | 'tree' | 'onlyExisting'>,
  target: string,
  covered: readonly string[],
): string | undefined {
  try {
    const { path: place, found } = resolveTarget(tree, target, covered);
    if (onlyExisting && found === undefined) return undefined;
    const astray = found === 'directory' || kernelFolders.some((folder) => isWithin(place, folder));
    if (!astray) return place;
    parts.log.warn(
      `the container has its image's ${target}: ${found === 'directory' ? 'it is a directory' : `it leads to ${JSON.stringify(place)}`}`,
    );
  } catch (error) {
    if (!hasCode(error, 'MOUNT_INVALID')) throw error;
    parts.log.warn(`the container has its image's ${target}: ${String(error)}`);
  }
  return undefined;
}

function isWithin(file: string, folder: string): boolean {
  return file === folder || file.startsWith(`${folder}/`);
}

/** For everybody in the container to read, whatever the umask of whoever starts it. */
export async function createNameFile(bundle: string, file: NameFile, text: string): Promise<void> {
  const name = path.join(bundle, file);
  try {
    await writeFile(name, text, { mode: 0o600, flag: 'wx' });
    await chmod(name, 0o644);
  } catch (error) {
    throw wrapError(`write ${JSON.stringify(name)}`, error);
  }
}

/** Those of another container's bundle, as trees that outlive it, for who shares its network. The caller closes the descriptors. */
export function namesOfOther(
  other: string,
  bundle: string,
): { readonly fd: number; readonly directory: string; readonly file: NameFile }[] {
  const opened: { fd: number; directory: string; file: NameFile }[] = [];
  try {
    for (const file of ['hosts', 'resolv.conf'] as const) {
      if (!existsSync(path.join(other, file))) continue;
      const at = openSync(path.join(other, file), O_PATH);
      try {
        const fd = linux.cloneTree(at, { recursive: false, readOnly: false, propagation: 'private' });
        opened.push({ fd, directory: path.join(bundle, file), file });
      } finally {
        closeSync(at);
      }
    }
  } catch (error) {
    for (const { fd } of opened) closeSync(fd);
    throw wrapError(`names of the container whose network it is to share`, error);
  }
  return opened;
}
