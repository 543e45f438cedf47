import type { Descriptor, Digest, Platform } from '../oci/index.js';
import { definePoint } from '../point.js';
import type { RunningContainer, Stdio } from './container.js';
import type { Containers, CreateContainerOptions } from './containers.js';
import type { Image, Images } from './images.js';
import type { Networks } from './networks.js';
import type { Registries } from './registries.js';
import type { System } from './system.js';
import type { Volumes } from './volumes.js';

export type * from './container.js';
export type * from './containers.js';
export type * from './images.js';
export type * from './networks.js';
export type * from './registries.js';
export type * from './settings.js';
export type * from './system.js';
export type * from './volumes.js';

/**
 * # Engine: the whole way from a name to a process
 *
 * The face of Slipway for programs, for the command line, and for plugins that serve other protocols. One engine per
 * metadata root; several processes may have one each on the same root.
 *
 * Laws:
 * 1. `pull` records the name only after everything it stands for is in the content store and verified. Pulling again what is there
 *    fetches nothing but the name's digest.
 * 2. Nothing that an operation acquired outlives it, whichever way it ends, but what it is meant to leave: containers that are kept, or run on. After a kill -9 the
 *    next engine on the same state folder cleans up.
 * 3. Every method takes a signal where it can take long, and rejects with `canceled` within a second, cleaned up.
 *
 * @stable
 * @since 0.1
 */
export interface Engine extends AsyncDisposable {
  readonly images: Images;
  readonly containers: Containers;
  readonly volumes: Volumes;
  readonly networks: Networks;
  readonly registries: Registries;
  readonly system: System;
  /** Resolve, fetch and verify, record, unpack. Errors: of resolver, content, differ; `not-found` with `PLATFORM_NOT_FOUND`. */
  pull(name: string, options?: PullOptions): Promise<Image>;
  /** Pulls if need be, makes a bundle, creates and starts a container, with its streams here. */
  run(options: RunOptions): Promise<RunningContainer>;
}

export const enginePoint = definePoint<Engine>('engine.v1');

export interface StackOptions {
  /** Name of a stack of the config; the default stack when absent. */
  readonly stack?: string | undefined;
}

export interface PullOptions extends StackOptions {
  readonly platform?: Platform | undefined;
  /**
   * The compressed layers go as soon as they are unpacked, unless another image that was pulled without this has them; they are fetched
   * again, from where the image came from, when another stack must unpack them. Default: as configured (`pull.discard_unpacked_layers`).
   */
  readonly discardUnpackedLayers?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: PullProgress) => void) | undefined;
}

/** What happens during a pull, in order. Bytes of one layer are told at most every 50 ms, a new phase at once. */
export type PullProgress =
  | { readonly type: 'resolving'; readonly name: string }
  | { readonly type: 'resolved'; readonly name: string; readonly descriptor: Descriptor }
  /** The layers of the chosen manifest, bottom first. */
  | { readonly type: 'layers'; readonly layers: readonly Descriptor[] }
  | {
      readonly type: 'layer';
      readonly digest: Digest;
      readonly phase: LayerPhase;
      readonly current: number;
      readonly total: number;
    };

/**
 * `downloaded`: waits for the layers below. `exists`: the snapshot was there. Bytes are compressed bytes. A layer that another
 * pull, in this process or another, downloads or unpacks is told as that one comes on.
 */
export type LayerPhase = 'downloading' | 'downloaded' | 'unpacking' | 'unpacked' | 'exists';

export type PullPolicy = 'missing' | 'always' | 'never';

export interface RunOptions extends CreateContainerOptions {
  /** It goes on when this process ends, and writes to its log alone: `stdin`, `stdout` and `stderr` do not apply. */
  readonly detach?: boolean | undefined;
  /** Default: unless detached. */
  readonly removeAtExit?: boolean | undefined;
  /** It ends when this process does, however that ends. Default: unless detached. */
  readonly dieWithParent?: boolean | undefined;
  /** Default: stdin `ignore`, stdout and stderr `pipe`. */
  readonly stdin?: Stdio | undefined;
  readonly stdout?: Stdio | undefined;
  readonly stderr?: Stdio | undefined;
  /** Called when the container is there and its program has not started: from here on output and signals are the program's. */
  readonly onCreated?: (() => void) | undefined;
}
