import type {
  Container,
  Engine,
  Image,
  ImageDetails,
  Images,
  Logger,
  Platform,
  PullOptions,
  RemovedImage,
  RunOptions,
  StackOptions,
} from '@slipway/plugin-api';
import { bootId, lastBoot } from './metadata/boot.js';
import { NamespacedContent } from './metadata/content.js';
import { hasRecords } from './operations/records.js';
import type { RunningContainer } from './run/container.js';
import type { EngineNeeds, EngineParts, EngineSettings } from './settings.js';

/**
 * The way of the data behind one face. Every method first cleans up after operations that were killed, and imports what it
 * needs when it is called: listing images loads nothing of pulling and running.
 */
export class SlipwayEngine implements Engine, Images {
  readonly #parts: EngineParts;
  readonly #running = new Set<RunningContainer>();
  #recovery: Promise<void> | undefined;

  private constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  static open(settings: EngineSettings, needs: EngineNeeds, log: Logger): SlipwayEngine {
    const content = new NamespacedContent(needs.content, needs.metadata);
    return new SlipwayEngine({ ...needs, settings, log, store: needs.content, content });
  }

  get images(): Images {
    return this;
  }

  async pull(name: string, options: PullOptions = {}): Promise<Image> {
    await this.#recovered();
    const { pull } = await import('./pull/pull.js');
    return pull(this.#parts, name, options);
  }

  async run(options: RunOptions): Promise<Container> {
    await this.#recovered();
    const { run } = await import('./run/run.js');
    const container = await run(this.#parts, options);
    this.#running.add(container);
    const forget = (): unknown => this.#running.delete(container);
    container.wait().then(forget, forget);
    return container;
  }

  async list(): Promise<readonly Image[]> {
    await this.#recovered();
    const { listImages } = await import('./images/describe.js');
    return listImages(this.#parts);
  }

  async inspect(name: string, options: { readonly platform?: Platform | undefined } = {}): Promise<ImageDetails> {
    await this.#recovered();
    const { inspectImage } = await import('./images/inspect.js');
    return inspectImage(this.#parts, name, options.platform);
  }

  async remove(name: string): Promise<RemovedImage> {
    await this.#recovered();
    const { removeImage } = await import('./images/remove.js');
    return removeImage(this.#parts, name);
  }

  async mount(
    name: string,
    directory: string,
    options: StackOptions & { readonly platform?: Platform | undefined } = {},
  ): Promise<void> {
    await this.#recovered();
    const { mountImage } = await import('./images/mount.js');
    await mountImage(this.#parts, name, directory, options);
  }

  async unmount(directory: string): Promise<void> {
    await this.#recovered();
    const { unmountImage } = await import('./images/mount.js');
    await unmountImage(this.#parts, directory);
  }

  /** Containers of this engine do not outlive it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#running].map((container) => container[Symbol.asyncDispose]()));
  }

  #recovered(): Promise<void> {
    this.#recovery ??= recover(this.#parts);
    return this.#recovery;
  }
}

async function recover(parts: EngineParts): Promise<void> {
  if (hasRecords(parts.settings.state)) {
    const { recoverOperations } = await import('./operations/recovery.js');
    await recoverOperations(parts);
  }
  if (lastBoot(parts.metadata) !== bootId()) {
    const { sweepAfterReboot } = await import('./operations/reboot.js');
    await sweepAfterReboot(parts);
  }
}
