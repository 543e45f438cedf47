import { definePoint } from '../point.js';
import type { Mount } from '../snapshots/index.js';

/**
 * # VolumeDriver: folders that outlive containers
 *
 * A volume is a tree of files with a name, which containers mount. Which container uses which volume is the engine's book; a driver keeps volumes.
 *
 * Laws:
 * 1. `create` of a name that is there with the same options gives that volume; with other options: `already-exists`. Two that create one name at once get the same volume.
 * 2. A name is 1 to 128 of `[a-zA-Z0-9_.-]`, starting with a letter or digit: `invalid-argument` otherwise, before anything is touched.
 * 3. What was created survives kill -9 and a reboot whole, or is not there. What `remove` was killed in is there or not there, and removed by the next `remove` or `cleanup`.
 * 4. `mount` makes the volume ready for one user, a container's id, and `unmount` ends that; both are idempotent for a user. `remove` while a user has it: `failed-precondition`.
 *    After a reboot nobody has it.
 * 5. Options that the driver does not know are `invalid-argument`, never ignored.
 *
 * @stable
 * @since 0.1
 */
export interface VolumeDriver {
  create(name: string, options?: CreateVolumeOptions): Promise<VolumeInfo>;
  /** Errors: `not-found`. */
  inspect(name: string): Promise<VolumeInfo>;
  /** In the order of their names. */
  list(): Promise<readonly VolumeInfo[]>;
  /** With everything in it. Errors: `not-found`, `failed-precondition` (in use). */
  remove(name: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** What a runtime mounts for the user: a directory tree. Errors: `not-found`, `failed-precondition`. */
  mount(name: string, user: string): Promise<Mount>;
  unmount(name: string, user: string): Promise<void>;
  /** Bytes and files in it. Errors: `not-found`. */
  usage(name: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<VolumeUsage>;
  /** Removes what a killed process has left, and users that are not among these. */
  cleanup(users: ReadonlySet<string>): Promise<void>;
}

export const volumePoint = definePoint<VolumeDriver>('volume.v1');

export interface CreateVolumeOptions {
  /** The driver's own, as with `--opt`. */
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface VolumeInfo {
  readonly name: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Where it is on this host, when it is a folder there at all times. */
  readonly mountpoint?: string;
}

export interface VolumeUsage {
  readonly bytes: number;
  readonly files: number;
}
