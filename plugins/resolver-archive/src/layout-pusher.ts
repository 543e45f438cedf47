import { LayoutFolder, referredEntry } from '@slipway/archives';
import {
  canceled,
  type Descriptor,
  type Fetcher,
  type Pusher,
  type PushOptions,
  type PushOutcome,
  type ResolveOptions,
  step,
  throwIfAborted,
} from '@slipway/plugin-api';
import type { ArchiveName } from './archive-name.js';
import { pushAttempts } from './push-attempts.js';
import { referrerEntry } from './referrer-entry.js';
import { requireTarget } from './require-target.js';

/** Puts content into an image layout in a folder. Blobs that are there without a name disturb nobody, and are of use to another try. */
export class LayoutPusher implements Pusher {
  readonly #name: ArchiveName;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  #folder: Promise<LayoutFolder> | undefined;

  constructor(name: ArchiveName, closing: AbortSignal) {
    this.#name = name;
    this.#signal = AbortSignal.any([closing, this.#ended.signal]);
  }

  async push(descriptor: Descriptor, source: Fetcher, options: PushOptions = {}): Promise<PushOutcome> {
    const signal = this.#until(options.signal);
    let outcome: PushOutcome = 'exists';
    await pushAttempts(descriptor, signal, async () => {
      const folder = await this.#open();
      if (await folder.has(descriptor, signal)) return;
      await folder.put(descriptor, source, signal, options.onProgress);
      outcome = 'pushed';
    });
    await this.#list(descriptor, signal);
    step('archive.pushed', { name: this.#name.text, digest: descriptor.digest });
    return outcome;
  }

  async complete(target: Descriptor, options: ResolveOptions = {}): Promise<void> {
    const signal = this.#until(options.signal);
    throwIfAborted(`push to ${JSON.stringify(this.#name.text)}`, signal);
    const folder = await this.#open();
    requireTarget(this.#name, target, await folder.has(target, signal));
    await folder.name([referredEntry(target, this.#name.reference)], signal);
    step('archive.named', { name: this.#name.text, digest: target.digest });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(canceled(`push to ${JSON.stringify(this.#name.text)}`));
    const folder = await this.#folder?.catch(() => undefined);
    this.#folder = undefined;
    await folder?.[Symbol.asyncDispose]();
  }

  /** What refers to another manifest is found by the index alone. */
  async #list(descriptor: Descriptor, signal: AbortSignal): Promise<void> {
    const folder = await this.#open();
    const entry = await referrerEntry(descriptor, (digest) => folder.open(digest));
    if (entry !== undefined) await folder.name([entry], signal);
  }

  /** One that could not be opened is tried again by the next. */
  #open(): Promise<LayoutFolder> {
    if (this.#folder !== undefined) return this.#folder;
    const opening = LayoutFolder.open(this.#name.path, this.#signal);
    this.#folder = opening;
    opening.catch(() => {
      this.#folder = undefined;
    });
    return opening;
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#signal : AbortSignal.any([signal, this.#signal]);
  }
}
