import type { Writable } from 'node:stream';
import type { Platform } from '../oci/index.js';
import type { EventLine } from '../runtime/index.js';
import type {
  Container,
  ContainerDetails,
  ContainerSummary,
  EventsOptions,
  ListContainersOptions,
  RemoveContainerOptions,
  StopOptions,
} from './container.js';
import type { Change, Image, ImportOptions } from './images.js';
import type { PullPolicy, PullProgress } from './index.js';
import type { ContainerSettings } from './settings.js';

/**
 * Containers that are there, made by any process, by name or id; of an id that was generated a beginning is enough. What of a container
 * is read must hold still while it is: `aborted` says that it did not.
 *
 * @stable
 * @since 0.1
 */
export interface Containers {
  /** Obtains the image as `run` does, and makes everything but the process. Errors: `already-exists` (the name). */
  create(options: CreateContainerOptions): Promise<Container>;
  /** Errors: `not-found`, `invalid-argument` (the beginning of several), `data-loss` (CONTAINER_UNREADABLE: its row is damaged). */
  get(name: string): Promise<Container>;
  /** Newest first. One whose row cannot be read is left out, and the log warns of it. */
  list(options?: ListContainersOptions): Promise<readonly ContainerSummary[]>;
  inspect(name: string): Promise<ContainerDetails>;
  /** Also one whose row cannot be read. */
  remove(name: string, options?: RemoveContainerOptions): Promise<void>;
  /** Removes those that do not run; with their anonymous volumes, if asked. */
  prune(options?: PruneContainersOptions): Promise<PrunedContainers>;
  /** Events of all processes on this state folder, as they are written. */
  events(options?: EventsOptions): AsyncIterable<EventLine>;
  /**
   * For after the machine was started: starts every container whose restart policy is `always`, or `unless-stopped` and which nobody had stopped. One that fails does not
   * keep the others.
   */
  restartAfterBoot(options?: StopOptions): Promise<readonly RestartedContainer[]>;
  /**
   * Makes an image of what the container's tree is now, on top of its own image, whose config it keeps but for the changes. The container
   * is not paused. Errors: `not-found`, `aborted` (its files change meanwhile).
   */
  commit(id: string, name: string, options?: CommitContainerOptions): Promise<Image>;
  /** Writes the container's whole tree as a tar file, without its sockets. The stream is ended. Errors: `not-found`, `aborted`. */
  export(id: string, output: Writable, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** What the container changed of its image, by path. Errors: `not-found`, `aborted`. */
  diff(id: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<readonly Change[]>;
}

/** The plugins that made the container are used, whatever stack is the default now. */
export type CommitContainerOptions = Omit<ImportOptions, 'platform' | 'stack'>;

export interface CreateContainerOptions extends ContainerSettings {
  readonly image: string;
  /** 1 to 64 of `[a-zA-Z0-9_.-]`, starting with a letter or digit. Generated when absent. */
  readonly name?: string | undefined;
  /** Removed as soon as it has ended and any command looks, with its anonymous volumes. */
  readonly removeAtExit?: boolean | undefined;
  readonly pull?: PullPolicy | undefined;
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: PullProgress) => void) | undefined;
}

export interface PruneContainersOptions {
  readonly volumes?: boolean | undefined;
  /** `key` or `key=value`; all must hold. */
  readonly labels?: readonly string[] | undefined;
  /** Made before it. */
  readonly until?: Date | undefined;
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PrunedContainers {
  readonly containers: readonly string[];
  /** What they had written. */
  readonly bytes: number;
}

export interface RestartedContainer {
  readonly id: string;
  readonly name: string;
  /** Why it could not be started. */
  readonly error?: unknown;
}
