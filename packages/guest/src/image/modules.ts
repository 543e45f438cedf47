import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';
import { elfSection } from '../elf.js';
import type { SourceFiles } from './sources.js';

/** A kernel module, ready to be loaded. */
export interface KernelModule {
  /** With `_` for `-`, as the kernel names it. */
  readonly name: string;
  readonly content: Buffer;
}

const maxModuleBytes = 64 << 20;

/** Modules that are loaded at the same time. */
export interface ModuleGroup {
  readonly wanted: readonly string[];
  /** Left out when they are not there. */
  readonly optional: readonly string[];
}

/**
 * Reads modules out of a folder `/lib/modules/<release>` with all that they need, in the order to load them, a list for each group. Those that the kernel has
 * built in are left out. What a module needs it says itself: `modules.dep` is not there in a package that is not installed.
 *
 * Errors: `failed-precondition` with `MODULE_MISSING` or `MODULE_UNREADABLE`.
 */
export async function readModules(
  files: SourceFiles,
  folder: string,
  groups: readonly ModuleGroup[],
): Promise<readonly (readonly KernelModule[])[]> {
  const builtIn = listed(files, folder, 'modules.builtin');
  const there = listed(files, folder, 'modules.order');
  const done = new Set(builtIn.keys());
  const read: KernelModule[][] = [];
  for (const { wanted, optional } of groups) {
    const modules: KernelModule[] = [];
    const load = async (name: string, neededBy: string | undefined, must: boolean): Promise<void> => {
      if (done.has(name)) return;
      const file = there.get(name);
      if (file === undefined && must) throw missing(folder, name, neededBy);
      if (file === undefined) return;
      done.add(name);
      const { source, content } = await readModule(files, path.join(folder, file));
      const { depends, before } = needs(content, source);
      // Names of what is good to have first: they may be those of what a module can do, not of a module.
      for (const other of before) await load(other, name, false);
      for (const other of depends) await load(other, name, true);
      modules.push({ name, content });
    };
    for (const name of wanted) await load(moduleName(name), undefined, true);
    for (const name of optional) await load(moduleName(name), undefined, false);
    read.push(modules);
  }
  return read;
}

/** Lines of paths, by the name of their module. */
function listed(files: SourceFiles, folder: string, list: string): ReadonlyMap<string, string> {
  try {
    const lines = files.read(path.join(folder, list)).toString().split('\n');
    return new Map(lines.filter((line) => line !== '').map((line) => [moduleName(path.basename(line, '.ko')), line]));
  } catch (error) {
    throw wrapError(`read the list of the kernel's modules "${path.join(folder, list)}"`, error);
  }
}

function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}

const expand: Readonly<Record<string, (file: Buffer) => Promise<Buffer>>> = {
  '': (file) => Promise.resolve(file),
  '.zst': (file) => promisify(zstdDecompress)(file, { maxOutputLength: maxModuleBytes }),
  '.gz': (file) => promisify(gunzip)(file, { maxOutputLength: maxModuleBytes }),
  '.xz': expandXz,
};

/** Node has no xz; every Debian has the program, because dpkg needs it. */
async function expandXz(file: Buffer): Promise<Buffer> {
  const options = { encoding: 'buffer', maxBuffer: maxModuleBytes } as const;
  const running = promisify(execFile)('xz', ['--decompress', '--stdout'], options);
  // A program that does not read to the end says why by its exit status.
  running.child.stdin?.on('error', () => {}).end(file);
  return (await running).stdout;
}

/** The lists name modules as they were before the distribution compressed them. */
async function readModule(files: SourceFiles, file: string): Promise<{ source: string; content: Buffer }> {
  for (const [suffix, decompress] of Object.entries(expand)) {
    const source = `${file}${suffix}`;
    try {
      return { source, content: await decompress(files.read(source)) };
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw unreadable(source, error instanceof Error ? error.message : String(error), error);
    }
  }
  throw unreadable(
    file,
    `found no file with this name, nor with ${Object.keys(expand)
      .filter((suffix) => suffix !== '')
      .join(', ')} behind it`,
  );
}

function needs(content: Buffer, source: string): { depends: readonly string[]; before: readonly string[] } {
  const info = elfSection(content, '.modinfo');
  if (info === undefined) throw unreadable(source, 'it is no kernel module: it has no section ".modinfo"');
  const depends: string[] = [];
  const before: string[] = [];
  for (const line of info.toString('latin1').split('\0')) {
    if (line.startsWith('depends='))
      depends.push(
        ...line
          .slice('depends='.length)
          .split(',')
          .filter((name) => name !== ''),
      );
    if (line.startsWith('softdep='))
      before.push(...(/\bpre:\s*([^:]*?)(?:\s+\w+:|$)/.exec(line)?.[1] ?? '').split(/\s+/).filter((name) => name !== ''));
  }
  return { depends: depends.map(moduleName), before: before.map(moduleName) };
}

function missing(folder: string, name: string, neededBy: string | undefined): SlipwayError {
  const why = neededBy === undefined ? '' : `, which "${neededBy}" needs`;
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'MODULE_MISSING',
    message: `guest image: the kernel's modules in "${folder}" are without "${name}"${why}`,
    hint: 'use a kernel for clouds: apt-get install linux-image-cloud-amd64',
    details: { folder, module: name },
  });
}

function unreadable(source: string, reason: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'MODULE_UNREADABLE',
    message: `guest image: kernel module "${source}": ${reason}`,
    hint: 'install the kernel again (apt-get install --reinstall linux-image-cloud-amd64); for modules that end with .xz, xz-utils too',
    cause,
  });
}
