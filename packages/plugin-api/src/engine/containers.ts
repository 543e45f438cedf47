import type { Writable } from 'node:stream';
import type { Change, Image, ImportOptions } from './images.js';

/**
 * Containers that are there now, in any process, by id.
 *
 * @stable
 * @since 0.1
 */
export interface Containers {
  /** Makes an image of what the container's tree is now, on top of its own image. The container is not paused. Errors: `not-found`, `aborted` (its files change meanwhile). */
  commit(id: string, name: string, options?: CommitContainerOptions): Promise<Image>;
  /** Writes the container's whole tree as a tar file. The stream is ended. Errors: `not-found`. */
  export(id: string, output: Writable, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** What the container changed of its image, by path. Errors: `not-found`. */
  diff(id: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<readonly Change[]>;
}

export type CommitContainerOptions = Omit<ImportOptions, 'platform'>;
