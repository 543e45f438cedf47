import { maxManifestSize, mediaTypes, parseDigest, parseManifestDocument, quote } from '@slipway/oci';
import { type Descriptor, type Digest, SlipwayError } from '@slipway/plugin-api';
import { discard, readBounded } from './bounded-body.js';
import { readReferrersTag } from './referrers-tag.js';
import type { HttpResponse } from './transport.js';
import type { PushPlace } from './upload-session.js';

/** A registry gives some hundred on a page, and nobody looks through more than this. */
const maxPages = 64;
const maxReferrers = 10_000;
const maxBytes = 4 * maxManifestSize;

/** What registries without the API answer; 404 is what the specification says. */
const noApi: ReadonlySet<number> = new Set([400, 404, 405, 501]);

/** The manifests whose subject is this digest (distribution-spec, "Listing Referrers"), from the API or from the tag in place of it. */
export async function listReferrers(
  place: PushPlace,
  subject: Digest,
  artifactType: string | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly Descriptor[]> {
  parseDigest(subject);
  const found =
    (await fromApi(place, subject, artifactType, signal)) ?? (await readReferrersTag(place, subject, signal))?.manifests;
  const byDigest = new Map((found ?? []).map((descriptor) => [descriptor.digest, descriptor]));
  // A registry need not filter, and says with OCI-Filters-Applied whether it did; doing it again takes nothing away.
  return [...byDigest.values()].filter((one) => artifactType === undefined || one.artifactType === artifactType);
}

/** Whether the registry lists referrers by itself. */
export async function hasReferrersApi(place: PushPlace, subject: Digest, signal: AbortSignal | undefined): Promise<boolean> {
  const response = await askFor(place, `referrers/${subject}`, signal);
  await discard(response);
  return isIndex(response);
}

/** Undefined when there is no API. */
async function fromApi(
  place: PushPlace,
  subject: Digest,
  artifactType: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Descriptor[] | undefined> {
  const { session, repository } = place;
  const what = `listing what refers to ${subject} in ${quote(`${session.registry}/${repository}`)}`;
  const found: Descriptor[] = [];
  let bytes = 0;
  const filter = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  let anonymous = false;
  let path: string | URL | undefined = `referrers/${subject}${filter}`;
  for (let pages = 0; path !== undefined; pages += 1) {
    const response: HttpResponse = await askFor(place, path, signal, anonymous);
    if (pages === 0 && (noApi.has(response.status) || (response.status === 200 && !isIndex(response)))) {
      await discard(response);
      return undefined;
    }
    if (response.status !== 200) throw await session.failure(what, response, signal);
    const page = await readBounded(response, maxManifestSize, 'MANIFEST_TOO_LARGE', signal);
    bytes += page.length;
    const document = parseManifestDocument(page, mediaTypes.ociIndex);
    if (document.kind === 'index') found.push(...document.index.manifests);
    const next = nextPage(response);
    path = next === undefined ? undefined : session.locationOf(response, next);
    // What comes after an answer of somebody else is named by them, be it at the registry.
    anonymous ||= !session.isOwn(response);
    if (found.length > maxReferrers || bytes > maxBytes || (path !== undefined && pages + 1 >= maxPages))
      throw new SlipwayError({
        kind: 'resource-exhausted',
        code: 'REGISTRY_TOO_MANY_REFERRERS',
        message: `${what}: there are more than ${maxReferrers}, or than ${maxPages} pages or ${maxBytes} bytes of them`,
        hint: 'ask for one artifact type',
      });
  }
  return found;
}

function askFor(
  { session, repository }: PushPlace,
  path: string | URL,
  signal: AbortSignal | undefined,
  anonymous = false,
): Promise<HttpResponse> {
  return session.send({ method: 'GET', repository, path, anonymous, headers: { accept: mediaTypes.ociIndex }, signal });
}

function isIndex({ status, headers }: HttpResponse): boolean {
  const type = (String(headers['content-type'] ?? '').split(';', 1)[0] ?? '').trim().toLowerCase();
  return status === 200 && type === mediaTypes.ociIndex;
}

/** The target of `Link: <...>; rel="next"` (RFC 8288). */
function nextPage({ headers }: HttpResponse): string | undefined {
  const link = String(headers['link'] ?? '').slice(0, 8192);
  return /<([^<>]*)>\s*;[^<]*\brel="?next"?/i.exec(link)?.[1];
}
