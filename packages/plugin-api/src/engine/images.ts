import type { Readable, Writable } from 'node:stream';
import type { Descriptor, Digest, HistoryEntry, ImageConfig, ImageManifest, Platform } from '../oci/index.js';
import type { PullProgress, StackOptions } from './index.js';
import type { SystemFailure } from './system.js';

/**
 * Images by name: what is here, and the ways in and out that are no pull. Names are taken in any form that `pull` takes.
 *
 * @stable
 * @since 0.1
 */
export interface Images {
  /** In the order of their names. Errors: `not-found` (an image that a filter names), `invalid-argument`. */
  list(options?: ListImagesOptions): Promise<readonly Image[]>;
  /** By name, or by digest (or an unambiguous beginning of at least 4 hex digits of it). Errors: `not-found`, `invalid-argument`. */
  inspect(name: string, options?: { readonly platform?: Platform | undefined }): Promise<ImageDetails>;
  /** Removes the name; with the last name of a target also its content and snapshots that nothing else uses. Errors: `not-found`, `failed-precondition` (in use). */
  remove(name: string, options?: RemoveImageOptions): Promise<RemovedImage>;
  /** Mounts the image's tree read-only on an existing directory, until `unmount`. */
  mount(name: string, directory: string, options?: StackOptions & { readonly platform?: Platform | undefined }): Promise<void>;
  /** Errors: `not-found` when nothing of ours is mounted there. */
  unmount(directory: string): Promise<void>;

  /** A further name for what `source` means, which is a name or digest; it replaces what the name meant. Errors: `not-found`, `invalid-argument`. */
  tag(source: string, name: string): Promise<Image>;
  /** Sends what is missing there, and then the name. Errors: `not-found`, `permission-denied`, `unavailable`; `failed-precondition` when content of it is not here. */
  push(name: string, options?: PushImageOptions): Promise<TransferredImage>;
  /** From one place to another, without storing it here. Either may be a name with a scheme (`oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`). */
  copy(source: string, destination: string, options?: CopyOptions): Promise<TransferredImage>;
  /** Writes images into one archive. Errors: `not-found`; `failed-precondition` when content of one is not here. */
  save(names: readonly string[], options: SaveOptions): Promise<readonly Image[]>;
  /** Brings in the images of an archive of `save`, of skopeo, podman, docker or ctr, under the names that it gives them. */
  load(input: ArchiveSource, options?: LoadOptions): Promise<readonly LoadedImage[]>;
  /** Makes an image of one layer from a tar file of a root file system (compressed or not). */
  import(input: ArchiveSource, name: string, options?: ImportOptions): Promise<Image>;
  /** How the image was made, topmost first; entries that made a layer say which. */
  history(name: string, options?: { readonly platform?: Platform | undefined }): Promise<readonly HistoryItem[]>;
  /** What the upper image changed of the lower one, by path. Without `upper`: what the top layer of `lower` changed. */
  diff(
    lower: string,
    upper?: string,
    options?: StackOptions & { readonly signal?: AbortSignal | undefined },
  ): Promise<readonly Change[]>;
  /** Artifacts (signatures, SBOMs) that refer to the image, where it comes from. They are listed, never run. */
  referrers(name: string, options?: ReferrersOfImageOptions): Promise<readonly Descriptor[]>;
  /** Every layer that is here under the one below it, and which names use it. */
  tree(): Promise<readonly LayerNode[]>;
}

/** All that are given must hold; of several patterns or labels of one kind, references need one, labels all. */
export interface ListImagesOptions {
  /** Patterns of names, in full or as short as they may be written, with or without the tag: `alpine`, `registry.example.com/team/*`. `*` stays within a part. */
  readonly references?: readonly string[] | undefined;
  /** `key` or `key=value`, of the image's config for this host's platform. */
  readonly labels?: readonly string[] | undefined;
  /** Images that were made before (after) this one, which is here. */
  readonly before?: string | undefined;
  readonly since?: string | undefined;
}

export interface Image {
  /** `docker.io/library/alpine:latest`. */
  readonly name: string;
  /** What the name means: an index or a manifest. */
  readonly target: Descriptor;
  /** When the image was made, as its config says (RFC 3339); absent when it says nothing. */
  readonly created?: string;
  /** When the name was first recorded here, and when it last got this meaning. RFC 3339. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Bytes of all present content that the target refers to, compressed. */
  readonly size: number;
}

export interface ImageDetails extends Image {
  readonly platform: Platform;
  readonly manifestDigest: Digest;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  /** Chain ID of the top layer; absent for an image without layers. */
  readonly chainId?: Digest;
}

export interface RemoveImageOptions {
  /** Also a name whose image a container or a mount uses: what they need stays until they go. */
  readonly force?: boolean | undefined;
}

export interface RemovedImage {
  readonly name: string;
  /** Blobs and snapshots that went with it. */
  readonly content: readonly Digest[];
  readonly snapshots: readonly string[];
  readonly bytes: number;
  /** What should have gone with it and could not; `prune` tries again. */
  readonly failures: readonly SystemFailure[];
}

export interface TransferOptions extends StackOptions {
  /** Of an index: this platform's manifest alone. Absent: everything at the source (`copy`); here (`push`), the whole index, or the one manifest of it that is here. */
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: TransferProgress) => void) | undefined;
}

export interface PushImageOptions extends TransferOptions {
  /** Another name to push to; it need not be here. */
  readonly to?: string | undefined;
}

export interface CopyOptions extends TransferOptions {
  /** Also what refers to it: signatures, SBOMs. */
  readonly referrers?: boolean | undefined;
}

/** What happens while content is sent. `exists` and `mounted`: nothing of it had to be sent. */
export type TransferProgress =
  | { readonly type: 'blobs'; readonly blobs: readonly Descriptor[] }
  | {
      readonly type: 'blob';
      readonly digest: Digest;
      readonly phase: 'sending' | 'sent' | 'exists' | 'mounted';
      readonly current: number;
      readonly total: number;
    };

export interface TransferredImage {
  /** The name that means it now. */
  readonly name: string;
  readonly target: Descriptor;
  /** Blobs and manifests, and those that had to be sent. */
  readonly total: number;
  readonly sent: number;
  readonly sentBytes: number;
}

/** `oci-archive` (a tar of an OCI image layout, default), `docker-archive` (as `docker save`), `oci` (a folder). */
export type ArchiveFormat = 'oci-archive' | 'docker-archive' | 'oci';

/** A path (of a file, or of a folder with an OCI image layout) or a stream of a tar file. */
export type ArchiveSource = string | Readable;

export interface SaveOptions {
  readonly format?: ArchiveFormat | undefined;
  /** A path, made or replaced in one step, or a stream (not for `oci`). */
  readonly output: string | Writable;
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LoadOptions extends StackOptions {
  readonly platform?: Platform | undefined;
  /** For an archive of one image: this name instead of its own. Needed where it gives none. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: PullProgress) => void) | undefined;
}

export interface LoadedImage extends Image {
  /** What the name meant before, when that was another image. */
  readonly replaced?: Digest;
}

export interface ImportOptions extends StackOptions {
  /** Instructions as of a Dockerfile: `CMD ["sh"]`, `ENV A=b`, `WORKDIR /`, `USER`, `ENTRYPOINT`, `LABEL`, `EXPOSE`, `VOLUME`, `STOPSIGNAL`. */
  readonly changes?: readonly string[] | undefined;
  readonly message?: string | undefined;
  readonly author?: string | undefined;
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HistoryItem extends HistoryEntry {
  /** Of the layer that it made; absent for an entry that made none. */
  readonly layer?: Descriptor;
}

export interface Change {
  /** Absolute, in the root; bytes that are no UTF-8 are shown as U+FFFD. */
  readonly path: string;
  readonly kind: 'added' | 'changed' | 'deleted';
}

export interface ReferrersOfImageOptions extends StackOptions {
  readonly artifactType?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LayerNode {
  readonly chainId: Digest;
  /** Compressed bytes, when its blob is here. */
  readonly size?: number;
  /** Names of images whose top layer it is. */
  readonly names: readonly string[];
  readonly children: readonly LayerNode[];
}
