import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';
import { type ApplyLayerOptions, applyLayer, stageLayer } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { SlipwayError } from '@slipway/plugin-api';
import { uncompressed } from './compression.js';
import type { ReadJob, ReadResult, StageResult } from './job.js';
import type { JobContext } from './job-context.js';

/** Applies one blob: reads, uncompresses, hashes and unpacks it in one pass. */
export async function applyJob(job: ReadJob, context: JobContext): Promise<ReadResult> {
  const blob = new HashedBlob(job, context);
  await applyLayer(blob.chunks(), job.target, layerOptions(job, context));
  return blob.result();
}

/** The same for {@link stageLayer}. */
export async function stageJob(job: ReadJob, context: JobContext): Promise<StageResult> {
  const blob = new HashedBlob(job, context);
  const notes = await stageLayer(blob.chunks(), job.target, layerOptions(job, context));
  return { ...blob.result(), notes: serialize(notes) };
}

function layerOptions({ limits, imageForm }: ReadJob, { checkpoint, onWarning }: JobContext): ApplyLayerOptions {
  return { system: linux, limits, imageForm, checkpoint, onWarning };
}

class HashedBlob {
  readonly #job: ReadJob;
  readonly #context: JobContext;
  readonly #hash = createHash('sha256');
  #size = 0;

  constructor(job: ReadJob, context: JobContext) {
    this.#job = job;
    this.#context = context;
  }

  async *chunks(): AsyncIterable<Uint8Array> {
    const { fd, size, limits, plugin } = this.#job;
    for await (const chunk of uncompressed({ fd, size, onRead: this.#context.onProgress })) {
      this.#context.checkpoint();
      this.#size += chunk.length;
      // What follows the archive's end is hashed like the rest, so it is bounded like the rest.
      if (this.#size > limits.unpackedBytes) throw tooLarge(limits.unpackedBytes, plugin);
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  /** When all chunks have been read. */
  result(): ReadResult {
    return { digest: `sha256:${this.#hash.digest('hex')}`, size: this.#size };
  }
}

function tooLarge(limit: number, plugin: string): SlipwayError {
  return new SlipwayError({
    kind: 'resource-exhausted',
    code: 'LAYER_TOO_LARGE',
    message: `layer is over the limit of ${limit} bytes uncompressed`,
    hint: `raise max_unpacked_bytes of [plugin.${plugin}] if the image is to be trusted`,
  });
}
