import { LayoutFolder, referredEntry } from '@slipway/archives';
import type { Descriptor, Fetcher, Pusher, PushOptions, PushOutcome, ResolveOptions } from '@slipway/plugin-api';
import { step } from '@slipway/plugin-api';
import type { ArchiveName } from './archive-name.js';

/** Puts content into an image layout in a folder. Blobs that are there without a name disturb nobody, and are of use to another try. */
export class LayoutPusher implements Pusher {
  readonly #name: ArchiveName;
  readonly #closing: AbortSignal;
  #folder: Promise<LayoutFolder> | undefined;

  constructor(name: ArchiveName, closing: AbortSignal) {
    this.#name = name;
    this.#closing = closing;
  }

  async push(descriptor: Descriptor, source: Fetcher, options: PushOptions = {}): Promise<PushOutcome> {
    const folder = await this.#open();
    if (await folder.has(descriptor)) return 'exists';
    await folder.put(descriptor, source, this.#until(options.signal), options.onProgress);
    step('archive.pushed', { name: this.#name.text, digest: descriptor.digest });
    return 'pushed';
  }

  async complete(target: Descriptor, { signal }: ResolveOptions = {}): Promise<void> {
    const folder = await this.#open();
    await folder.name([referredEntry(target, this.#name.reference)], this.#until(signal));
    step('archive.named', { name: this.#name.text, digest: target.digest });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const folder = await this.#folder?.catch(() => undefined);
    this.#folder = undefined;
    await folder?.[Symbol.asyncDispose]();
  }

  #open(): Promise<LayoutFolder> {
    this.#folder ??= LayoutFolder.open(this.#name.path);
    return this.#folder;
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing : AbortSignal.any([signal, this.#closing]);
  }
}
