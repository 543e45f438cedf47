import { createHash } from 'node:crypto';
import { type ContentStore, type Descriptor, type Differ, isKind, type LayerFormat } from '@slipway/plugin-api';
import { type LawContext, lawsOn } from '../law.js';
import type { LawRunner } from '../law-runner.js';
import { type OpenSubject, type SuiteOptions, temporaryRoot } from '../subject.js';
import { LayerBench } from './layer-bench.js';

/** A differ to be tested, with the content store that it reads blobs from and writes them to. The laws put layers there. */
export interface DifferInstance {
  readonly differ: Differ;
  readonly content: ContentStore;
}

export type OpenDiffer = OpenSubject<DifferInstance>;

export interface DifferLawOptions extends SuiteOptions {
  /** As the manifest declares it. Every other format must be refused. */
  readonly writes: readonly LayerFormat[];
}

export interface DifferLawContext extends LawContext<DifferInstance> {
  readonly differ: Differ;
  readonly content: ContentStore;
  readonly bench: LayerBench;
}

export type DifferLaw = (name: string, body: (context: DifferLawContext) => Promise<void>) => void;

/** Laws on a differ, and a place for trees, of their own each. */
export function differLawsOn(runner: LawRunner, open: OpenDiffer, { module, writes }: DifferLawOptions): DifferLaw {
  const child = module === undefined ? undefined : { module, operator: new URL('./operator.js', import.meta.url).href };
  const law = lawsOn(runner, open, child);
  return (name, body) =>
    law(name, async (context) => {
      await using place = await temporaryRoot();
      const { differ, content } = context.instance;
      await body({ ...context, differ, content, bench: new LayerBench(place.root, context.instance, writes) });
    });
}

export const layerMediaType = 'application/vnd.oci.image.layer.v1.tar';

/** Puts a blob into the content store, whether it is there already or not. */
export async function putBlob(content: ContentStore, bytes: Uint8Array, mediaType = layerMediaType): Promise<Descriptor> {
  const blob = { mediaType, digest: sha256(bytes), size: bytes.length };
  try {
    await using writer = await content.writer({ ref: `law-${blob.digest}`, expected: blob });
    await writer.write(bytes);
    await writer.commit();
  } catch (error) {
    if (!isKind(error, 'already-exists')) throw error;
  }
  return blob;
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
