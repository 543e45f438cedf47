import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import path from 'node:path';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';
import { bzImageRelease } from './vmlinux.js';

export interface KernelOptions {
  /** A bzImage or vmlinux; unset: the newest one installed, those for clouds first. */
  readonly kernel?: string | undefined;
  /** Its folder of modules. Unset, with `kernel`: `/lib/modules/<release>` if that is there, else it is taken to have all built in. */
  readonly modules?: string | undefined;
  /** Where kernels are installed. */
  readonly boot?: string | undefined;
  /** Where the modules of installed kernels are. */
  readonly installedModules?: string | undefined;
}

export interface Kernel {
  readonly image: string;
  /** Undefined: it has everything built in. */
  readonly modules: string | undefined;
}

/** The kernel for guests. Errors: `failed-precondition` with `KERNEL_MISSING`, and those of the system. */
export function findKernel(options: KernelOptions = {}): Kernel {
  const { kernel, modules, boot = '/boot', installedModules = '/lib/modules' } = options;
  if (kernel === undefined) return installedKernel(boot, installedModules, modules);
  if (!existsSync(kernel)) throw missing(`there is no file "${kernel}"`);
  if (modules !== undefined) return { image: kernel, modules };
  const release = releaseOf(kernel);
  const found = release === undefined ? undefined : path.join(installedModules, release);
  return { image: kernel, modules: found !== undefined && isModulesFolder(found) ? found : undefined };
}

function installedKernel(boot: string, installedModules: string, modules: string | undefined): Kernel {
  const releases = namesIn(boot)
    .filter((name) => name.startsWith('vmlinuz-'))
    .map((name) => name.slice('vmlinuz-'.length))
    .filter((release) => isModulesFolder(path.join(installedModules, release)))
    .toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  const release = releases.find((name) => /-cloud-/.test(name)) ?? releases[0];
  if (release === undefined) throw missing(`there is none in "${boot}" with its modules in "${installedModules}"`);
  return { image: path.join(boot, `vmlinuz-${release}`), modules: modules ?? path.join(installedModules, release) };
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
    hint: 'apt-get install linux-image-cloud-amd64, or set `kernel` and `modules` of the runtime to those of another',
  });
}
