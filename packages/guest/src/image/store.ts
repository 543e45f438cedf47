import { readFileSync, statSync, utimesSync } from 'node:fs';
import { chmod, mkdtemp, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { hasCode, step } from '@slipway/plugin-api';
import type { BootKernel } from '../kernel/vmlinux.js';
import type { BuiltImage } from './build.js';

/** What a virtual machine boots: files that others can read, and that never change. */
export interface GuestImage {
  /** Hash of all that is in it, 64 hexadecimal digits. */
  readonly key: string;
  readonly kernel: string;
  readonly form: BootKernel['form'];
  readonly initrd: string;
}

/** `manifest.json` beside the two files. */
interface Manifest {
  readonly form: BootKernel['form'];
  readonly kernelSize: number;
  readonly initrdSize: number;
  /** The files of the host that are in it, for people. */
  readonly sources: readonly string[];
}

/** Begins the names of folders that are being made or removed. */
export const unfinished = '.unfinished-';

/** Undefined when it is not there or not whole. That it is used now keeps it from being removed. */
export function imageAt(images: string, key: string): GuestImage | undefined {
  const folder = path.join(images, key);
  try {
    const now = new Date();
    utimesSync(folder, now, now);
    const { form, kernelSize, initrdSize } = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as Manifest;
    const image = { key, kernel: path.join(folder, form), form, initrd: path.join(folder, 'initrd') };
    return statSync(image.kernel).size === kernelSize && statSync(image.initrd).size === initrdSize ? image : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the image beside its place and gives it its name when it is durable. It is no error when another process was faster. */
export async function writeImage(images: string, { key, initrd, sources }: BuiltImage, kernel: BootKernel): Promise<void> {
  const manifest: Manifest = {
    form: kernel.form,
    kernelSize: kernel.content.length,
    initrdSize: initrd.length,
    sources: sources.map(([file]) => file),
  };
  const made = await mkdtemp(path.join(images, unfinished));
  try {
    await writeDurable(path.join(made, kernel.form), kernel.content);
    await writeDurable(path.join(made, 'initrd'), initrd);
    await writeDurable(path.join(made, 'manifest.json'), Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`));
    await chmod(made, 0o755);
    await syncFolder(made);
    step('guest.image.durable', { key });
    await takeName(made, images, key);
    await syncFolder(images);
    step('guest.image.named', { key });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

async function takeName(made: string, images: string, key: string): Promise<void> {
  const folder = path.join(images, key);
  try {
    await rename(made, folder);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    if (imageAt(images, key) !== undefined) return;
    const damaged = await mkdtemp(path.join(images, unfinished));
    await rename(folder, damaged);
    await rename(made, folder);
    await rm(damaged, { recursive: true, force: true });
  }
}

async function writeDurable(file: string, content: Buffer): Promise<void> {
  await using handle = await open(file, 'wx', 0o644);
  await handle.writeFile(content);
  // Whatever the umask is: the emulator runs as another user.
  await handle.chmod(0o644);
  await handle.sync();
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}
