import { digestOf, type ManifestDocument, parseDigest, parseImageConfig, parseManifestDocument } from '@slipway/oci';
import {
  type Descriptor,
  type Digest,
  type Fetcher,
  type ImageConfig,
  type ImageManifest,
  isKind,
  SlipwayError,
} from '@slipway/plugin-api';
import { brokenImage, brokenImageHint } from '../../pull/broken-image.js';
import { refuseArtifact, refuseLarge } from '../../pull/document.js';
import { inlineContent } from '../../pull/inline-content.js';
import type { DocumentReader } from './choose-platform.js';

/** So much of what was read is kept for when it is sent; more is read again. */
const maxKeptBytes = 32 * 1024 * 1024;
/** A connection may break in the middle of a body. */
const maxAttempts = 3;

/** Where a copy comes from: its documents are read to learn what there is to copy, and then sent like everything else. */
export class SourceDocuments implements DocumentReader {
  readonly #source: Fetcher;
  readonly #signal: AbortSignal | undefined;
  readonly #kept = new Map<Digest, Buffer>();
  #keptBytes = 0;

  constructor(source: Fetcher, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
  }

  /** Everything of the source, with what was read or what a descriptor brings along in place of a request. */
  readonly content: Fetcher = {
    fetch: async (descriptor, options = {}) => {
      const { offset = 0 } = options;
      const kept = this.#kept.get(descriptor.digest);
      if (kept !== undefined) return fromMemory(kept, offset);
      return descriptor.data === undefined ? this.#source.fetch(descriptor, options) : inlineContent(descriptor, offset);
    },
  };

  async load(descriptor: Descriptor): Promise<ManifestDocument> {
    const bytes = await this.#read(descriptor);
    try {
      return parseManifestDocument(bytes, descriptor.mediaType);
    } catch (error) {
      throw brokenImage(`"${descriptor.digest}"`, error);
    }
  }

  /** Errors: `failed-precondition` with `IMAGE_IS_ARTIFACT`. */
  async configOf(manifest: ImageManifest): Promise<ImageConfig> {
    refuseArtifact(manifest);
    return parseImageConfig(await this.#read(manifest.config));
  }

  async #read(descriptor: Descriptor): Promise<Buffer> {
    refuseLarge(descriptor);
    const kept = this.#kept.get(descriptor.digest);
    if (kept !== undefined) return kept;
    const bytes = await this.#fetch(descriptor);
    if (this.#keptBytes + bytes.length <= maxKeptBytes) {
      this.#kept.set(descriptor.digest, bytes);
      this.#keptBytes += bytes.length;
    }
    return bytes;
  }

  async #fetch(descriptor: Descriptor): Promise<Buffer> {
    const { digest, size } = descriptor;
    for (let attempt = 1; ; attempt++) {
      try {
        await using content = await this.content.fetch(descriptor, { signal: this.#signal });
        const pieces: Uint8Array[] = [];
        let length = 0;
        for await (const piece of content.body) {
          length += piece.byteLength;
          if (length > size) break;
          pieces.push(piece);
        }
        const bytes = Buffer.concat(pieces);
        const found = digestOf(bytes, parseDigest(digest).algorithm);
        if (length === size && found === digest) return bytes;
        throw mismatch(descriptor, length, found);
      } catch (error) {
        if (attempt === maxAttempts || !isKind(error, 'unavailable')) throw error;
      }
    }
  }
}

function fromMemory(bytes: Buffer, offset: number): Awaited<ReturnType<Fetcher['fetch']>> {
  return {
    offset,
    body: (async function* () {
      if (offset < bytes.length) yield bytes.subarray(offset);
    })(),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function mismatch({ digest, size }: Descriptor, length: number, found: Digest): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'SOURCE_CONTENT_MISMATCH',
    message: `document "${digest}" has ${length > size ? `more than ${size}` : length} bytes with the digest "${found}" at its source, expected ${size}`,
    hint: brokenImageHint,
    details: { digest },
  });
}
