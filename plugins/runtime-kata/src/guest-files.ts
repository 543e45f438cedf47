import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { findCrun, guestImage } from '@slipway/guest';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import type { KataConfig } from './config.js';

const run = promisify(execFile);
const versionLimitMs = 10_000;

/** What a machine boots. */
export interface GuestFiles {
  /** Another one for other content. */
  readonly key: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The runtime inside; undefined for an image of the operator's. */
  readonly crun: string | undefined;
}

/** Made where it is not there yet. Errors: `failed-precondition` with `KERNEL_MISSING`, `AGENT_MISSING`, `GUEST_RUNTIME_MISSING` and what to install. */
export async function guestFiles(
  { kernel, modules, image }: KataConfig,
  folder: string,
  used: () => Iterable<string>,
): Promise<GuestFiles> {
  if (image === undefined) {
    const crun = findCrun();
    const made = await guestImage(path.join(folder, 'images'), { kernel, modules, crun, used });
    return { ...made, crun };
  }
  if (kernel === undefined) throw incomplete(image);
  return { key: keyOf(kernel, image), kernel, initrd: image, crun: undefined };
}

/**
 * Whether the guest's driver of disks is a module that the agent loads with the first disk: what one with the driver built in has seen at boot, clones of it would keep for the truth.
 * The image is not compressed.
 */
export function looksAtDisksLate({ initrd }: GuestFiles): boolean {
  return readFileSync(initrd).includes('disk /lib/modules/virtio_blk.ko\n');
}

/** crun lists what it was built with: `+SYSTEMD +SELINUX +CAP +SECCOMP`. What is not known is not claimed. */
export async function filtersSystemCalls({ crun }: GuestFiles): Promise<boolean> {
  if (crun === undefined) return false;
  const { stdout } = await run(crun, ['--version'], { timeout: versionLimitMs, killSignal: 'SIGKILL' }).catch(
    (error: unknown) => {
      throw wrapError(`${crun} --version`, error);
    },
  );
  return /^\+.*\+SECCOMP\b/m.test(stdout);
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
