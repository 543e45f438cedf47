import { type Descriptor, type Digest, isKind, SlipwayError } from '@slipway/plugin-api';
import { planTransfer, type TransferPlan } from './plan.js';
import type { SourceDocuments } from './source-documents.js';

/** A signature may be signed; deeper than this it is a mistake or an attack. */
const maxDepth = 4;
const maxReferrers = 1000;

export interface ReferrersSource {
  readonly documents: SourceDocuments;
  referrersOf(subject: Digest): Promise<readonly Descriptor[]>;
  /** Called for one that is listed and is not there. */
  onMissing(referrer: Descriptor): void;
}

/** The same with everything that refers to its manifests, and to what refers to them. Errors: `resource-exhausted`. */
export async function withReferrers(plan: TransferPlan, source: ReferrersSource): Promise<TransferPlan> {
  const blobs = new Map(plan.blobs.map((blob) => [blob.digest, blob]));
  const levels = [...plan.levels];
  const seen = new Set(levels.flat().map(({ digest }) => digest));
  let subjects: readonly Digest[] = [...seen];
  for (let depth = 0, count = 0; subjects.length > 0; depth++) {
    const next: Digest[] = [];
    for (const subject of subjects) {
      for (const referrer of await source.referrersOf(subject)) {
        if (seen.has(referrer.digest)) continue;
        if (depth === maxDepth || ++count > maxReferrers) throw tooMany(plan.target);
        seen.add(referrer.digest);
        const found = await planOf(referrer, source);
        if (found === undefined) continue;
        for (const blob of found.blobs) blobs.set(blob.digest, blob);
        levels.push(...found.levels);
        next.push(referrer.digest);
      }
    }
    subjects = next;
  }
  return { ...plan, blobs: [...blobs.values()], levels };
}

/** A list of referrers under a tag may tell of some that were removed since. */
async function planOf(referrer: Descriptor, { documents, onMissing }: ReferrersSource): Promise<TransferPlan | undefined> {
  try {
    return await planTransfer(referrer, (descriptor) => documents.load(descriptor));
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
    onMissing(referrer);
    return undefined;
  }
}

function tooMany({ digest }: Descriptor): SlipwayError {
  return new SlipwayError({
    kind: 'resource-exhausted',
    code: 'TOO_MANY_REFERRERS',
    message: `"${digest}" has more than ${maxReferrers} referrers, or referrers of referrers more than ${maxDepth} deep`,
    hint: 'copy it without them',
    details: { digest },
  });
}
