import type { Writable } from 'node:stream';
import type { Change, Image, ImportOptions } from './images.js';

/**
 * Containers that are there now, in any process, by id; of an id that was generated a beginning is enough. What of a container
 * is read must hold still while it is: `aborted` says that it did not.
 *
 * @stable
 * @since 0.1
 */
export interface Containers {
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
