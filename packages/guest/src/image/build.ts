import { createHash } from 'node:crypto';
import { throwIfAborted, wrapError } from '@slipway/plugin-api';
import type { Kernel } from '../kernel/find-kernel.js';
import { type BootKernel, extractVmlinux } from '../kernel/vmlinux.js';
import { type CpioEntry, cpioArchive, cpioFile, cpioFolder } from './cpio.js';
import { readLibraries } from './libraries.js';
import { type KernelModule, type ModuleGroup, readModules } from './modules.js';
import { type Source, SourceFiles } from './sources.js';

/** What an image is made of: files of the host. */
export interface ImageParts {
  readonly kernel: Kernel;
  /** Process 1: a static program. */
  readonly agent: string;
  readonly crun: string;
}

export interface BuiltImage {
  /** Hash of everything that is in it, 64 hexadecimal digits. */
  readonly key: string;
  readonly initrd: Buffer;
  /** The files that it was made of. */
  readonly sources: readonly Source[];
  /** The kernel in the form to boot it in, which takes some time to make. */
  readonly kernel: () => Promise<BootKernel>;
}

/** To be raised when the same parts come to give another image. */
const recipe = 2;

/** The channel to the host first. crc32c_generic is what libcrc32c computes with where that is no part of the kernel. */
const first: ModuleGroup = {
  wanted: ['virtio_pci', 'virtio_console', 'erofs', 'overlay', 'ext4', 'virtio_net'],
  optional: ['crc32c_generic'],
};

/** Modules that wait for what needs them, and the word that the agent knows them by. Those of disks because a machine that others are cloned from must not have looked at its own; the others spare boots the time. */
const later: readonly (ModuleGroup & { readonly word: string })[] = [
  { word: 'disk', wanted: ['virtio_blk'], optional: [] },
  { word: 'share', wanted: [], optional: ['virtiofs'] },
  { word: 'verity', wanted: [], optional: ['dm-verity'] },
];

/** Where the agent finds what to load: a path a line, in order, after the word of its group. */
const modulesList = 'etc/modules.slipway';

/** Builds the image. The same parts give the same bytes. Errors: `failed-precondition` with what is missing or damaged, those of the system. */
export async function buildGuestImage({ kernel, agent, crun }: ImageParts, signal?: AbortSignal): Promise<BuiltImage> {
  const what = 'build the image of virtual machines';
  const files = new SourceFiles();
  const crunContent = read(files, crun);
  const libraries = await readLibraries(files, crun, crunContent);
  throwIfAborted(what, signal);
  const loaded = kernel.modules === undefined ? [] : await readModules(files, kernel.modules, [first, ...later]);
  throwIfAborted(what, signal);
  const initrd = cpioArchive(
    withFolders(
      ['dev', 'proc', 'sys', 'run', 'tmp', 'etc'],
      [
        // Kernels have it in their own initramfs; one built without would start the agent without descriptors.
        { name: 'dev/console', mode: 0o020600, device: [5, 1] },
        cpioFile('init', read(files, agent), 0o755),
        cpioFile('usr/bin/crun', crunContent, 0o755),
        ...libraries.map((library) => cpioFile(library.path.slice(1), library.content, 0o755)),
        ...moduleFiles(loaded),
      ],
    ),
  );
  const kernelFile = read(files, kernel.image);
  const key = createHash('sha256').update(`${recipe} ${kernelFile.length} `).update(kernelFile).update(initrd).digest('hex');
  return { key, initrd, sources: files.seen(), kernel: () => extractVmlinux(kernelFile, kernel.image) };
}

function moduleFiles(groups: readonly (readonly KernelModule[])[]): readonly CpioEntry[] {
  const words = ['', ...later.map(({ word }) => `${word} `)];
  const file = ({ name }: KernelModule): string => `lib/modules/${name}.ko`;
  const lines = groups.flatMap((modules, index) => modules.map((module) => `${words[index]}/${file(module)}\n`));
  const modules = groups.flat().map((module) => cpioFile(file(module), module.content));
  return [cpioFile(modulesList, Buffer.from(lines.join(''))), ...modules];
}

/** Before them these folders and those that they are in, each after the one above it. */
function withFolders(folders: readonly string[], files: readonly CpioEntry[]): readonly CpioEntry[] {
  const names = new Set(folders);
  for (const { name } of files) {
    const parts = name.split('/');
    for (const depth of parts.keys()) if (depth > 0) names.add(parts.slice(0, depth).join('/'));
  }
  return [...[...names].map((name) => cpioFolder(name)), ...files];
}

function read(files: SourceFiles, file: string): Buffer {
  try {
    return files.read(file);
  } catch (error) {
    throw wrapError(`read "${file}" for the image of virtual machines`, error);
  }
}
