/**
 * Where the content of one layer goes, as plain data, so that it can be handed to a worker thread or another process.
 * How whiteouts are written follows from the format and from nothing else; it is never guessed from a mount.
 *
 * - `overlay`: `path` is a directory that becomes an overlayfs layer. A whiteout is a character device 0:0, an opaque
 *   directory has the xattr `trusted.overlay.opaque=y`. Lower layers are separate trees.
 * - `directory`: `path` is the whole merged tree already, as the layers so far have made it. A whiteout deletes.
 *   `lower` is empty.
 * - `erofs`: `path` is a file, named `*.erofs`, to be written as an EROFS image with whiteouts in overlay's form. A differ whose image refers to the uncompressed tar archive, and does not
 *   hold the files' bytes itself, puts that beside it: `x.tar` beside `x.erofs`. It is the one device of the image. Whoever keeps the image keeps the two together, and names the archive in
 *   `devices` of its trees and mounts; of an image of which only `path` is known, it is the archive beside it where the image's form says so.
 *
 * @stable
 * @since 0.1
 */
export interface LayerTarget {
  readonly format: LayerFormat;
  /** Absolute. A directory that exists, or for `erofs` a file that does not exist yet. */
  readonly path: string;
  /** The layers below, topmost first: what names, links and parents are resolved against. */
  readonly lower: readonly LayerTree[];
}

export type LayerFormat = 'overlay' | 'directory' | 'erofs';

/** What a snapshot's tree is made of: a committed layer, or what an active snapshot has changed. */
export interface LayerTree {
  readonly format: TreeFormat;
  readonly path: string;
  /** Of `erofs`: the files that its chunks refer to, as of `ErofsMount`. */
  readonly devices?: readonly string[];
}

/**
 * `ext4` is what an active snapshot has changed, never a target: `path` is a file with a file system, whose folder `upper` is a layer in overlay's
 * form. To be read it is mounted as the `upper` of a `LayersMount`, read-only, which is refused while a virtual machine has it.
 */
export type TreeFormat = LayerFormat | 'ext4';
