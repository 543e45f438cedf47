import { mkdirSync } from 'node:fs';
import { canceled, throwIfAborted, wrapError } from '@slipway/plugin-api';
import { findKernel, type KernelOptions } from '../kernel/find-kernel.js';
import { findAgent, findCrun } from '../programs.js';
import { buildGuestImage, type ImageParts } from './build.js';
import { knownImage, rememberImage } from './known.js';
import { type GuestImage, imageAt, writeImage } from './store.js';
import { removeUnused } from './unused.js';

export interface GuestImageOptions extends KernelOptions {
  /** Unset: see {@link findAgent}. */
  readonly agent?: string | undefined;
  /** Unset: see {@link findCrun}. */
  readonly crun?: string | undefined;
  /** Keys of the images that something still needs, asked when old ones are removed. */
  readonly used?: (() => Iterable<string>) | undefined;
}

/**
 * The image for these options out of the folder `images`, made first when it is not there (half a second) or when a file that it was made of has changed.
 * Several processes may ask at once.
 *
 * Errors: `failed-precondition` when kernel, agent, crun or something that they need is missing or damaged, with what to install; `canceled`; those of the system.
 */
export async function guestImage(images: string, options: GuestImageOptions, signal?: AbortSignal): Promise<GuestImage> {
  throwIfAborted('find the image of virtual machines', signal);
  const parts: ImageParts = { kernel: findKernel(options), agent: findAgent(options.agent), crun: findCrun(options.crun) };
  const known = knownImage(images, parts);
  const there = known === undefined ? undefined : imageAt(images, known);
  if (there !== undefined) return there;
  try {
    mkdirSync(images, { recursive: true, mode: 0o755 });
    return await make(images, parts, options.used, signal);
  } catch (error) {
    throw signal?.aborted
      ? canceled('the build of the image of virtual machines', signal)
      : wrapError(`make an image of virtual machines in "${images}"`, error);
  }
}

async function make(
  images: string,
  parts: ImageParts,
  used: GuestImageOptions['used'],
  signal?: AbortSignal,
): Promise<GuestImage> {
  const built = await buildGuestImage(parts, signal);
  let image = imageAt(images, built.key);
  if (image === undefined) {
    const kernel = await built.kernel();
    throwIfAborted('build the image of virtual machines', signal);
    await writeImage(images, built, kernel);
    image = imageAt(images, built.key);
    if (image === undefined) throw new Error(`image ${built.key} is not whole after it was written`);
  }
  rememberImage(images, parts, { key: built.key, sources: built.sources });
  removeUnused(images, new Set([built.key, ...(used?.() ?? [])]));
  return image;
}
