import type { CreateVolumeOptions, VolumeInfo, VolumeUsage } from '../volumes/index.js';

/**
 * Named volumes, over the drivers that are enabled; the default one is `local`.
 *
 * @stable
 * @since 0.1
 */
export interface Volumes {
  /** Without a name: a random one. Errors: `already-exists` with other options. */
  create(options?: MakeVolumeOptions): Promise<Volume>;
  list(options?: ListVolumesOptions): Promise<readonly Volume[]>;
  inspect(name: string, options?: { readonly usage?: boolean | undefined }): Promise<Volume>;
  /** Errors: `not-found`, `failed-precondition` (a container, running or not, has it; with their names). */
  remove(
    name: string,
    options?: { readonly force?: boolean | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
  /** Removes anonymous volumes that no container has; with `all` named ones too. */
  prune(options?: PruneVolumesOptions): Promise<{ readonly volumes: readonly string[]; readonly bytes: number }>;
}

export interface MakeVolumeOptions extends CreateVolumeOptions {
  readonly name?: string | undefined;
  readonly driver?: string | undefined;
}

export interface ListVolumesOptions {
  readonly filters?:
    | {
        readonly name?: readonly string[] | undefined;
        readonly driver?: readonly string[] | undefined;
        readonly label?: readonly string[] | undefined;
        /** No container has it. */
        readonly dangling?: boolean | undefined;
      }
    | undefined;
}

export interface PruneVolumesOptions {
  readonly all?: boolean | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Volume extends VolumeInfo {
  readonly driver: string;
  /** Made for one container, without a name of its own. */
  readonly anonymous: boolean;
  /** Names of containers that have it. */
  readonly containers: readonly string[];
  readonly usage?: VolumeUsage;
}
