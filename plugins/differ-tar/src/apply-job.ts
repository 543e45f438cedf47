import { createHash } from 'node:crypto';
import { applyLayer } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { canceled, SlipwayError } from '@slipway/plugin-api';
import { uncompressed } from './compression.js';
import type { ApplyJob, ApplyResult } from './job.js';

export interface ApplyReports {
  readonly onProgress: (bytes: number) => void;
  readonly onWarning: (message: string) => void;
}

/** Applies one blob: reads, uncompresses, hashes and unpacks it in one pass. */
export async function applyJob(job: ApplyJob, reports: ApplyReports): Promise<ApplyResult> {
  const stop = new Int32Array(job.stop);
  const checkpoint = (): void => {
    if (Atomics.load(stop, 0) !== 0) throw canceled('apply layer');
  };
  const hash = createHash('sha256');
  let size = 0;
  async function* hashed(): AsyncIterable<Uint8Array> {
    for await (const chunk of uncompressed({ fd: job.fd, size: job.size, onRead: reports.onProgress })) {
      checkpoint();
      size += chunk.length;
      // What follows the archive's end is hashed like the rest, so it is bounded like the rest.
      if (size > job.limits.unpackedBytes) throw tooLarge(job.limits.unpackedBytes);
      hash.update(chunk);
      yield chunk;
    }
  }
  await applyLayer(hashed(), job.target, { system: linux, limits: job.limits, checkpoint, onWarning: reports.onWarning });
  return { digest: `sha256:${hash.digest('hex')}`, size };
}

function tooLarge(limit: number): SlipwayError {
  return new SlipwayError({
    kind: 'resource-exhausted',
    code: 'LAYER_TOO_LARGE',
    message: `layer is over the limit of ${limit} bytes uncompressed`,
    hint: 'raise max_unpacked_bytes of [plugin.differ-tar] if the image is to be trusted',
  });
}
