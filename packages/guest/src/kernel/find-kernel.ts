import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import path from 'node:path';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';
import { bzImageRelease } from './vmlinux.js';

/** Where kernels are, as packages have them: `boot/vmlinuz-<release>` and `lib/modules/<release>`. The second is where `tools/setup/setup.sh --for kata` puts one that is not installed. */
export const kernelRoots: readonly string[] = ['/', '/usr/local/lib/slipway/kernel'];

export interface KernelOptions {
  /** A bzImage or vmlinux; unset: the newest one there is, those for clouds first. */
  readonly kernel?: string | undefined;
  /** Its folder of modules. Unset, with `kernel`: the one of its release if that is there, else it is taken to have all built in. */
  readonly modules?: string | undefined;
  /** Unset: {@link kernelRoots}. */
  readonly roots?: readonly string[] | undefined;
}

export interface Kernel {
  readonly image: string;
  /** Undefined: it has everything built in. */
  readonly modules: string | undefined;
}

/** The kernel for guests. Errors: `failed-precondition` with `KERNEL_MISSING`, and those of the system. */
export function findKernel({ kernel, modules, roots = kernelRoots }: KernelOptions = {}): Kernel {
  if (kernel === undefined) return newestKernel(roots, modules);
  if (!existsSync(kernel)) throw missing(`there is no file "${kernel}"`);
  return { image: kernel, modules: modules ?? modulesOf(kernel, roots) };
}

function newestKernel(roots: readonly string[], modules: string | undefined): Kernel {
  const found = roots
    .flatMap((root) => releasesIn(root).map((release) => ({ root, release })))
    .filter(({ root, release }) => isModulesFolder(modulesFolder(root, release)))
    .toSorted((a, b) => b.release.localeCompare(a.release, 'en', { numeric: true }));
  const chosen = found.find(({ release }) => /-cloud-/.test(release)) ?? found[0];
  if (chosen === undefined)
    throw missing(`there is none with its modules below ${roots.map((root) => `"${root}"`).join(' or ')}`);
  const { root, release } = chosen;
  return { image: path.join(root, 'boot', `vmlinuz-${release}`), modules: modules ?? modulesFolder(root, release) };
}

function modulesOf(kernel: string, roots: readonly string[]): string | undefined {
  const release = releaseOf(kernel);
  return release === undefined ? undefined : roots.map((root) => modulesFolder(root, release)).find(isModulesFolder);
}

function modulesFolder(root: string, release: string): string {
  return path.join(root, 'lib/modules', release);
}

function releasesIn(root: string): readonly string[] {
  const prefix = 'vmlinuz-';
  const names = namesIn(path.join(root, 'boot'));
  return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw wrapError(`look for kernels in "${folder}"`, error);
  }
}

function isModulesFolder(folder: string): boolean {
  return existsSync(path.join(folder, 'modules.builtin'));
}

function releaseOf(kernel: string): string | undefined {
  try {
    const fd = openSync(kernel, 'r');
    try {
      const head = Buffer.alloc(65_536);
      const release = bzImageRelease(head.subarray(0, readSync(fd, head, 0, head.length, 0)));
      // It comes to be part of a path.
      return release !== undefined && /^\w[\w.+~-]*$/.test(release) ? release : undefined;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw wrapError(`read the kernel "${kernel}"`, error);
  }
}

function missing(reason: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'KERNEL_MISSING',
    message: `kernel for virtual machines: ${reason}`,
    hint: 'tools/setup/setup.sh --for kata (or apt-get install linux-image-cloud-amd64), or set `kernel` and `modules` of the runtime to those of another',
  });
}
