import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import path from 'node:path';
import { guestImage } from '@slipway/guest';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import type { KataConfig } from './config.js';

/** What a machine boots. */
export interface GuestFiles {
  /** Another one for other content. */
  readonly key: string;
  readonly kernel: string;
  readonly initrd: string;
}

/** Made where it is not there yet. Errors: `failed-precondition` with `KERNEL_MISSING`, `AGENT_MISSING`, `GUEST_RUNTIME_MISSING` and what to install. */
export async function guestFiles(
  { kernel, modules, image }: KataConfig,
  folder: string,
  used: () => Iterable<string>,
  signal?: AbortSignal,
): Promise<GuestFiles> {
  if (image === undefined) return await guestImage(path.join(folder, 'images'), { kernel, modules, used }, signal);
  if (kernel === undefined) throw incomplete(image);
  return { key: keyOf(kernel, image), kernel, initrd: image };
}

/** Files of the operator's own may change without us. */
function keyOf(...files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    const { size, mtimeNs, mode } = statOf(file);
    if ((mode & 0o004n) === 0n) throw unreadable(file);
    hash.update(`${file} ${size} ${mtimeNs}\n`);
  }
  return hash.digest('hex');
}

function statOf(file: string) {
  try {
    return statSync(file, { bigint: true });
  } catch (error) {
    throw wrapError(`image of virtual machines, ${JSON.stringify(file)}`, error);
  }
}

function incomplete(image: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'KERNEL_MISSING',
    message: `virtual machines: image is ${JSON.stringify(image)}, and the kernel that it is for is not named`,
    hint: 'set kernel beside image in [plugin.runtime-kata]',
  });
}

function unreadable(file: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'GUEST_FILE_UNREADABLE',
    message: `virtual machines: ${JSON.stringify(file)} may not be read by others, and QEMU runs as a user of its own`,
    hint: `chmod o+r ${file}`,
  });
}
