import { randomUUID } from 'node:crypto';
import type { LayerLimits } from '@slipway/layers';
import {
  type ComparedLayer,
  type CompareOptions,
  type ContentStore,
  type ContentWriter,
  isKind,
  type LayerTree,
  type Logger,
  step,
  throwIfAborted,
} from '@slipway/plugin-api';
import type { CompareResult, Compression } from './compare-job.js';
import type { CompareThreads } from './compare-threads.js';

export interface CompareServices {
  readonly content: ContentStore;
  readonly threads: CompareThreads;
  readonly limits: LayerLimits;
  readonly log: Logger;
}

const mediaTypes: Readonly<Record<Compression, string>> = {
  none: 'application/vnd.oci.image.layer.v1.tar',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
};

/** Makes a layer of what differs between two trees, and a blob of it. An ingest that does not become one is aborted. */
export async function compareToContent(
  { content, threads, limits, log }: CompareServices,
  lower: readonly LayerTree[],
  upper: readonly LayerTree[],
  options: CompareOptions,
): Promise<ComparedLayer> {
  const { signal, onProgress, compression = 'gzip', ref = `compare-${randomUUID()}` } = options;
  throwIfAborted('compare trees', signal);
  const writer = await content.writer({ ref });
  try {
    // What a killed comparison left under this ref may be of another tree.
    if (writer.status().offset > 0) await writer.truncate();
    step('diff.compare.opened', { ref });
    let size = 0;
    const write = async (part: Uint8Array): Promise<void> => {
      await writer.write(part);
      size += part.length;
      onProgress?.(size);
    };
    const result = await threads.run({ lower, upper, compression, limits }, { signal, write });
    step('diff.compare.written', { ref, digest: result.digest });
    throwIfAborted('compare trees', signal);
    await commit(writer, result);
    step('diff.compare.committed', { ref, digest: result.digest, diffId: result.diffId });
    const { digest, diffId } = result;
    return { descriptor: { mediaType: mediaTypes[compression], digest, size: result.size }, diffId };
  } catch (error) {
    await abort(content, writer, ref, log);
    throw error;
  }
}

async function commit(writer: ContentWriter, { digest, size }: CompareResult): Promise<void> {
  try {
    await writer.commit({ digest, size });
  } catch (error) {
    // The same trees have been compared before.
    if (!isKind(error, 'already-exists')) throw error;
  }
}

async function abort(content: ContentStore, writer: ContentWriter, ref: string, log: Logger): Promise<void> {
  try {
    await writer.close();
    await content.abort(ref);
  } catch (error) {
    // What went wrong first is what the caller is told; a commit that failed has dropped the ingest itself.
    if (!isKind(error, 'not-found')) log.warn('the ingest of a comparison that failed could not be dropped', { ref, error });
  }
}
