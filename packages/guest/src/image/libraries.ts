import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { SlipwayError } from '@slipway/plugin-api';
import { elfSegments, segmentTypes, textAt } from '../elf.js';
import type { SourceFiles } from './sources.js';

/** A file of the host for the guest. */
export interface ProgramFile {
  /** In the guest, absolute. */
  readonly path: string;
  readonly content: Buffer;
}

/**
 * The shared libraries that a program needs and the loader that its file names; nothing for a static one. The loader is asked itself, without running the
 * program. In the guest all lie beside libc, in the one folder where the loader certainly looks, because there is no ld.so.cache.
 *
 * Errors: `failed-precondition` with `LIBRARY_MISSING`.
 */
export async function readLibraries(files: SourceFiles, program: string, content: Buffer): Promise<readonly ProgramFile[]> {
  const segment = elfSegments(content)?.find(({ type }) => type === segmentTypes.interpreter);
  if (segment === undefined) return [];
  const loader = textAt(content, segment.offset);
  const listed = await listLibraries(loader, program);
  const libc = listed.find((file) => path.basename(file).startsWith('libc.so')) ?? loader;
  const inGuest = (file: string): string => path.join(path.dirname(libc), path.basename(file));
  return [
    { path: loader, content: files.read(loader) },
    ...listed.map((file) => ({ path: inGuest(file), content: files.read(file) })),
  ];
}

async function listLibraries(loader: string, program: string): Promise<readonly string[]> {
  let output: string;
  try {
    output = (await promisify(execFile)(loader, ['--list', program], { env: {} })).stdout;
  } catch (cause) {
    throw missing(program, cause instanceof Error ? cause.message.trim().replaceAll('\n', ' ') : String(cause), cause);
  }
  const files: string[] = [];
  for (const [, name = '', found = ''] of output.matchAll(/^\s*(\S+) => (.*?)(?: \(0x[0-9a-f]+\))?$/gm)) {
    if (!found.startsWith('/')) throw missing(program, `library ${JSON.stringify(name)} is not installed`);
    // A variant for this host's processor may not run on the one that the guest has: the common one lies above it.
    if (found !== loader) files.push(found.replace(/\/glibc-hwcaps\/[^/]+\//, '/'));
  }
  return files;
}

function missing(program: string, reason: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'LIBRARY_MISSING',
    message: `guest image: shared libraries of "${program}": ${reason}`,
    hint: 'install the program again: apt-get install --reinstall crun',
    cause,
    details: { program },
  });
}
