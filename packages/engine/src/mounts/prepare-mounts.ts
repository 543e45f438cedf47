import { closeSync } from 'node:fs';
import path from 'node:path';
import {
  type BindSettings,
  type ContainerSettings,
  type ImageConfig,
  type MountSettings,
  type RuntimeMount,
  type TmpfsSettings,
  throwIfAborted,
} from '@slipway/plugin-api';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { invalidMount } from './invalid-mount.js';
import { type MountedVolume, mountVolume } from './mount-volume.js';
import type { ContainerVolume } from './plan-volumes.js';
import { type ResolvedTarget, resolveTarget } from './resolve-target.js';
import { bindTree, copyPropagation, type SourceTree } from './source-tree.js';
import { wantedMounts } from './wanted-mounts.js';

export interface PrepareMounts {
  readonly parts: EngineParts;
  /** Who has the volumes is recorded here. */
  readonly operation: Operation;
  readonly id: string;
  readonly settings: Pick<ContainerSettings, 'mounts'>;
  readonly image: ImageConfig;
  /** Descriptor of the container's root, mounted read-only. */
  readonly tree: number;
  readonly bundle: string;
  readonly volumes: readonly ContainerVolume[];
  readonly signal?: AbortSignal | undefined;
}

/** Disposing closes the descriptors; what was attached by then stays. */
export interface PreparedMounts extends Disposable {
  /** For config.json, parents before what goes into them. */
  readonly mounts: readonly RuntimeMount[];
  readonly attachments: readonly { readonly fd: number; readonly directory: string }[];
}

/**
 * Binds, volumes and tmpfs of a container that is about to start. Each source is opened once, here, and handed on as a tree that is attached below the bundle where the
 * runtime makes the container: no path is walked twice, so that nothing that changes meanwhile leads elsewhere. A copy of a shared mount is its peer, so that also mounts made
 * later show on both sides. Errors: of {@link wantedMounts}, targets and sources; those of the drivers.
 */
export async function prepareMounts(input: PrepareMounts): Promise<PreparedMounts> {
  const { settings, image, tree, bundle, signal } = input;
  const prepared: RuntimeMount[] = [];
  const attachments: { readonly fd: number; readonly directory: string }[] = [];
  const close = (): void => {
    for (const { fd } of attachments.splice(0)) closeSync(fd);
  };
  try {
    for (const { mount, target } of inOrder(tree, wantedMounts(settings, image))) {
      throwIfAborted('start the container', signal);
      if (mount.type === 'tmpfs') {
        prepared.push(tmpfsMount(mount, target));
        continue;
      }
      const source = mount.type === 'bind' ? bindTree(mount) : await volumeSource(input, mount, target);
      const directory = path.join(bundle, 'mounts', String(attachments.length));
      attachments.push({ fd: source.fd, directory });
      checkKinds(mount.target, source, target);
      prepared.push({ destination: target.path, type: 'bind', source: directory, options: bindOptions(mount) });
    }
  } catch (error) {
    close();
    throw error;
  }
  return { mounts: prepared, attachments: [...attachments], [Symbol.dispose]: close };
}

interface PlacedMount {
  readonly mount: MountSettings;
  readonly target: ResolvedTarget;
}

/** A mount hides what was mounted below its target before: so parents first. Two that are one place by links of the image are refused. */
function inOrder(tree: number, wanted: readonly MountSettings[]): readonly PlacedMount[] {
  const byDepth = wanted.toSorted((one, other) => depth(one.target) - depth(other.target));
  const placed: PlacedMount[] = [];
  for (const mount of byDepth) {
    const covered = placed.map(({ target }) => target.path);
    const target = resolveTarget(tree, mount.target, covered);
    const same = placed.find((other) => other.target.path === target.path);
    if (same !== undefined) {
      throw invalidMount(
        mount.target,
        `it is the same place in the image as ${JSON.stringify(same.mount.target)}, where another mount goes`,
      );
    }
    placed.push({ mount, target });
  }
  return placed.toSorted((one, other) => depth(one.target.path) - depth(other.target.path));
}

function depth(file: string): number {
  return file.split('/').length;
}

async function volumeSource(input: PrepareMounts, mount: MountedVolume, target: ResolvedTarget): Promise<SourceTree> {
  const volume = input.volumes.find((each) => each.target === mount.target);
  if (volume === undefined) throw invalidMount(mount.target, 'the container has no volume for it');
  return mountVolume(input, mount, volume, target);
}

/** The runtime's own words for it name neither of the two. */
function checkKinds(wanted: string, source: SourceTree, { path: target, found }: ResolvedTarget): void {
  if (found === undefined || found === source.kind) return;
  throw invalidMount(wanted, `what is mounted is a ${source.kind}, and the image has a ${found} at ${JSON.stringify(target)}`);
}

function bindOptions(mount: BindSettings | MountedVolume): readonly string[] {
  const propagation = mount.type === 'bind' ? mount.propagation : undefined;
  const nonRecursive = mount.type === 'bind' && mount.nonRecursive === true;
  // "private" alone would leave what is mounted below as it is: already private, as our copy.
  const word = copyPropagation(propagation) === 'private' ? 'rprivate' : propagation;
  return [nonRecursive ? 'bind' : 'rbind', word ?? 'rprivate', ...(mount.readOnly === true ? ['ro'] : [])];
}

function tmpfsMount(
  { size, mode = 0o1777, exec = false, readOnly = false }: TmpfsSettings,
  target: ResolvedTarget,
): RuntimeMount {
  if (target.found === 'file') throw invalidMount(target.path, 'the image has a file there, and a tmpfs is a directory');
  return {
    destination: target.path,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [
      ...['nosuid', 'nodev', exec ? 'exec' : 'noexec', readOnly ? 'ro' : 'rw', 'rprivate'],
      `mode=${mode.toString(8)}`,
      ...(size === undefined ? [] : [`size=${size}`]),
    ],
  };
}
