import {
  type Containers,
  type Engine,
  type Image,
  type Images,
  type Logger,
  type Networks,
  type PullOptions,
  type Registries,
  type RunningContainer,
  type RunOptions,
  SlipwayError,
  type System,
  throwIfAborted,
  type Volumes,
  wrapError,
} from '@slipway/plugin-api';
import { engineContainers } from './containers/containers.js';
import { engineImages } from './images/images.js';
import { bootId, lastBoot } from './metadata/boot.js';
import { NamespacedContent } from './metadata/content.js';
import { requireTables } from './metadata/tables-version.js';
import { engineNetworks } from './networks/networks.js';
import { hasRecords } from './operations/records.js';
import { engineRegistries } from './registries/registries.js';
import type { StartedContainer } from './run/container.js';
import type { EngineNeeds, EngineParts, EngineSettings } from './settings.js';
import { EngineSystem } from './system/system.js';
import { engineVolumes } from './volumes/volumes.js';
import type { Works } from './works.js';

/**
 * The way of the data behind one face. Every call first cleans up after operations that were killed, and when that fails, the
 * next one tries again. Every method imports what it needs when it is called: listing images loads nothing of pulling and running.
 */
export class SlipwayEngine implements Engine {
  readonly #parts: EngineParts;
  readonly #running = new Set<StartedContainer>();
  readonly #work = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly images: Images;
  readonly system: System;
  readonly containers: Containers;
  readonly registries: Registries;
  readonly volumes: Volumes;
  readonly networks: Networks;
  #recovery: Promise<void> | undefined;

  private constructor(parts: EngineParts) {
    this.#parts = parts;
    this.system = new EngineSystem({
      parts,
      carryOut: (what, work) => this.#carryOut(what, work),
      carryOutOnLost: async (what, work) => {
        const { isMetadataLost } = await import('./names/lost-metadata.js');
        return isMetadataLost(parts)
          ? this.#carryOut(what, work, () => requireTables(parts.metadata))
          : this.#carryOut(what, work);
      },
      carryOutAlone: (what, work) => this.#carryOut(what, work, () => requireTables(parts.metadata)),
      orClosing: (signal) => this.#orClosing(signal),
    });
    const works = this.#works;
    this.containers = engineContainers(parts, works);
    this.registries = engineRegistries(parts, works);
    this.images = engineImages(parts, works);
    this.volumes = engineVolumes(parts, works);
    this.networks = engineNetworks(parts, works);
  }

  get #works(): Works {
    return { carryOut: (what, work) => this.#carryOut(what, work), orClosing: (signal) => this.#orClosing(signal) };
  }

  static open(settings: EngineSettings, needs: EngineNeeds, log: Logger): SlipwayEngine {
    const lockDeletions = async (): Promise<Disposable> => {
      const { deletionLock } = await import('./metadata/deletion-lock.js');
      return deletionLock(settings.root);
    };
    const content = new NamespacedContent(needs.content, needs.metadata, lockDeletions);
    return new SlipwayEngine({ ...needs, settings, log, store: needs.content, content });
  }

  pull(name: string, options: PullOptions = {}): Promise<Image> {
    return this.#carryOut(`pull ${JSON.stringify(name)}`, async () => {
      const { pull } = await import('./pull/pull.js');
      const image = await pull(this.#parts, name, { ...options, signal: this.#orClosing(options.signal) });
      const { emit } = await import('./events/emit.js');
      emit(this.#parts, { type: 'image', action: 'pull', id: image.name, attributes: {} });
      return image;
    });
  }

  run(options: RunOptions): Promise<RunningContainer> {
    // Programs without types may give nothing at all, which is refused as any wrong option is: here, and where a container is created or executed in.
    return this.#carryOut(`run ${JSON.stringify(options?.image)}`, async () => {
      const { run } = await import('./run/run.js');
      const container = await run(this.#parts, this.#works, { ...options, signal: this.#orClosing(options?.signal) });
      this.#running.add(container);
      void container.unattended.then(() => this.#running.delete(container));
      return container;
    });
  }

  /** Nothing of this engine outlives it but what was left to itself: what is being pulled is canceled, containers are killed, and both have cleaned up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new SlipwayError({ kind: 'canceled', code: 'ENGINE_CLOSED', message: 'the engine was closed' }));
    await Promise.allSettled(this.#work);
    await Promise.allSettled([...this.#running].map((container) => container[Symbol.asyncDispose]()));
  }

  /** What it works with is released only after the work has ended. Nothing but errors of our model leaves the engine. */
  async #carryOut<T>(what: string, work: () => Promise<T>, before = (): Promise<void> => this.#recovered()): Promise<T> {
    throwIfAborted(what, this.#closing.signal);
    const ended = before().then(work);
    this.#work.add(ended);
    try {
      return await ended;
    } catch (error) {
      throw wrapError(what, error);
    } finally {
      this.#work.delete(ended);
    }
  }

  /** A signal of its own for each: one that all listened to would be taken for a leak of listeners. */
  #orClosing(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any(signal === undefined ? [this.#closing.signal] : [signal, this.#closing.signal]);
  }

  /** Each call looks, as what was killed since this engine began is cleaned up too; those that come meanwhile wait for the end. */
  #recovered(): Promise<void> {
    this.#recovery ??= recover(this.#parts).finally(() => {
      this.#recovery = undefined;
    });
    return this.#recovery;
  }
}

async function recover(parts: EngineParts): Promise<void> {
  await requireTables(parts.metadata);
  const last = lastBoot(parts.metadata);
  if (last === undefined) {
    const { requireMetadata } = await import('./names/lost-metadata.js');
    requireMetadata(parts);
  }
  if (hasRecords(parts.settings.state)) {
    const { recoverOperations } = await import('./operations/recovery.js');
    await recoverOperations(parts);
  }
  if (last !== bootId()) {
    const { sweepAfterReboot } = await import('./operations/reboot.js');
    await sweepAfterReboot(parts);
  }
}
