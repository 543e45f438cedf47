import type { Descriptor, Resolver } from '@slipway/plugin-api';

/** Where a resolver's content comes from, as far as its laws must know it: it can be filled, watched and made to misbehave. */
export interface Origin extends AsyncDisposable {
  /** The name of a repository for the resolver, without a tag: `127.0.0.1:5000/team/app`. */
  name(repository: string): string;
  /** Puts an image in, its blobs first. Without a tag it is known by its digest alone. */
  publish(repository: string, image: PublishedImage): Promise<void>;
  /** From now on answers stop after this many bytes of content, and neither go on nor end. With 0 nothing is answered at all. */
  stall(bytes: number): void;
  /** What it was asked up to now. */
  requests(): number;
  /** Answers that are under way: neither ended nor given up. */
  active(): number;
  /** Bytes of content that were taken from it up to now. */
  sent(): number;
}

export interface PublishedImage {
  readonly tag?: string | undefined;
  readonly manifest: PublishedContent;
  readonly blobs: readonly PublishedContent[];
}

export interface PublishedContent {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** A resolver, and an origin of its own that it may ask. */
export interface ResolverBench {
  readonly resolver: Resolver;
  readonly origin: Origin;
}

/**
 * An origin that is files of this machine: names are paths, nobody is asked who could fall silent, and a name without a tag means the one image of
 * its place.
 */
export interface ResolverFiles {
  readonly badNames: readonly string[];
  /** Whether what is pushed can be had at once, or not before it has a name. */
  readonly pushed: 'at-once' | 'when-complete';
}
