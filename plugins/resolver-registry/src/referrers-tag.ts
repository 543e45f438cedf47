import { digestOf, maxManifestSize, mediaTypes, parseDigest, parseManifestDocument, quote } from '@slipway/oci';
import { type Descriptor, type Digest, type ImageIndex, SlipwayError } from '@slipway/plugin-api';
import { readBounded } from './bounded-body.js';
import { putManifest } from './manifest-put.js';
import type { RegistrySession } from './registry-session.js';
import { settled } from './settled.js';
import type { PushPlace } from './upload-session.js';

const emptyIndex: ImageIndex = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };
/** Others may write the tag at the same time. */
const maxRounds = 5;

/** The tag under which a registry without the referrers API keeps the list (distribution-spec, "Referrers Tag Schema"). */
function referrersTag(subject: Digest): string {
  const { algorithm, encoded } = parseDigest(subject);
  return `${algorithm}-${encoded.slice(0, 64)}`;
}

/** What the tag of the subject lists; undefined when it has none. Errors: `failed-precondition` when the tag is something else. */
export async function readReferrersTag(
  { session, repository }: PushPlace,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<ImageIndex | undefined> {
  const tag = referrersTag(subject);
  const what = `reading the referrers tag ${quote(`${session.registry}/${repository}:${tag}`)}`;
  const headers = { accept: mediaTypes.ociIndex };
  const response = await session.send({ method: 'GET', repository, path: `manifests/${tag}`, headers, signal });
  if (response.status !== 200) {
    const error = await session.failure(what, response, signal);
    if (error.kind === 'not-found') return undefined;
    throw error;
  }
  const bytes = await readBounded(response, maxManifestSize, 'MANIFEST_TOO_LARGE', signal);
  const document = parseManifestDocument(bytes);
  if (document.kind === 'index') return document.index;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'REGISTRY_REFERRERS_TAG_TAKEN',
    message: `${what}: it is an image, expected an index of what refers to ${subject}`,
  });
}

/**
 * Adds to the list under the tag, which the specification asks of clients where the registry keeps none. It knows no way to do that in one
 * step: of two clients on one list at the same time the earlier one may be lost, and looks again for that.
 */
export function addReferrer(
  place: PushPlace,
  subject: Digest,
  referrer: Descriptor,
  signal: AbortSignal | undefined,
): Promise<void> {
  return inTurn(place.session, `${place.repository}@${subject}`, signal, async () => {
    for (let round = 0; round < maxRounds; round += 1) {
      const index = (await readReferrersTag(place, subject, signal)) ?? emptyIndex;
      if (index.manifests.some(({ digest }) => digest === referrer.digest)) return;
      const bytes = Buffer.from(JSON.stringify({ ...index, manifests: [...index.manifests, referrer] }));
      const descriptor = { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), size: bytes.length };
      await putManifest(place, descriptor, bytes, referrersTag(subject), signal);
    }
    throw new SlipwayError({
      kind: 'unavailable',
      code: 'REGISTRY_REFERRERS_CONTENDED',
      message: `listing ${referrer.digest} as a referrer of ${subject} on ${quote(place.session.registry)}: others have written the list each time`,
      hint: 'push again',
    });
  });
}

const turns = new WeakMap<RegistrySession, Map<string, Promise<unknown>>>();

/** Those of this process one after the other. */
async function inTurn(
  session: RegistrySession,
  key: string,
  signal: AbortSignal | undefined,
  work: () => Promise<void>,
): Promise<void> {
  const queue = turns.get(session) ?? new Map<string, Promise<unknown>>();
  turns.set(session, queue);
  const before = queue.get(key) ?? Promise.resolve();
  const turn = settled('waiting for others that list referrers', before, signal).then(work);
  // Whoever gives up in the queue ends at once, and lets nobody pass that those before it hold up.
  const end = Promise.allSettled([before, turn]).then(() => {
    if (queue.get(key) === end) queue.delete(key);
  });
  queue.set(key, end);
  await turn;
}
