import {
  formatPathName,
  formatReference,
  maxManifestSize,
  parseDigest,
  parseManifestDocument,
  parsePathName,
  quote,
  recordedReference,
  schemeOf,
} from '@slipway/oci';
import { type Descriptor, isKind, type PolicyRequest, SlipwayError, throwIfAborted, wrapError } from '@slipway/plugin-api';
import type { ImageSignature } from './image-signature.js';
import { readContent } from './read-content.js';

/** A signature, or why what was there is none. */
export type FoundSignature = { readonly signature: ImageSignature } | { readonly fault: string };

const simpleSigning = 'application/vnd.dev.cosign.simplesigning.v1+json';
const signatureAnnotation = 'dev.cosignproject.cosign/signature';
const bundle = /^application\/vnd\.dev\.sigstore\.bundle\b/;
/** What cosign has given its artifacts: its own types, and that of the empty config where the type was left out (cosign issue 4422). */
const artifactTypes = [
  /^application\/vnd\.dev\.cosign\.artifact\.sig\.v1\+json$/,
  bundle,
  /^application\/vnd\.oci\.empty\.v1\+json$/,
];

/** Signatures of one image that are looked at; payloads and bundles of real ones have some KiB. */
const maxSignatures = 64;
const maxSignedBytes = 1024 * 1024;
/** Base64 of what the largest RSA keys make. */
const maxSignatureLength = 4096;

/** What lies beside an image: at the tag that cosign makes of the digest, and among the manifests that refer to it. */
export async function* findSignatures(request: PolicyRequest): AsyncGenerator<FoundSignature> {
  let count = 0;
  for await (const found of signaturesOf(request)) {
    if (++count > maxSignatures) {
      yield { fault: `more than ${maxSignatures} signatures are there, and those after them were not looked at` };
      return;
    }
    yield found;
  }
}

async function* signaturesOf(request: PolicyRequest): AsyncGenerator<FoundSignature> {
  const tagged = await atTag(request);
  if (tagged !== undefined) yield* inManifest(request, tagged);
  const { source, target, signal } = request;
  const referrers = await reading(request, () => source.referrers(target.digest, { signal }), 'not-found');
  for (const descriptor of referrers ?? []) {
    const { artifactType } = descriptor;
    if (artifactType !== undefined && !artifactTypes.some((type) => type.test(artifactType))) continue;
    yield* inManifest(request, descriptor);
  }
}

async function atTag(request: PolicyRequest): Promise<Descriptor | undefined> {
  const name = nameOfTag(request);
  if (name === undefined) return undefined;
  const { source, signal } = request;
  // A source that knows no such names refuses them.
  const resolved = await reading(request, () => source.resolve(name, { signal }), 'not-found', 'invalid-argument');
  return resolved?.descriptor;
}

/** `sha256-<hex>.sig` in the same repository, archive or folder; a tag has no room for a longer digest. */
function nameOfTag({ name, target }: PolicyRequest): string | undefined {
  const { algorithm, encoded } = parseDigest(target.digest);
  if (algorithm !== 'sha256') return undefined;
  const tag = `${algorithm}-${encoded}.sig`;
  const reference = recordedReference(name);
  if (reference !== undefined) {
    const { registry, repository } = reference;
    return formatReference({ registry, repository, tag });
  }
  const scheme = schemeOf(name);
  if (scheme === undefined) return undefined;
  try {
    const { path } = parsePathName(name.slice(scheme.length + 1));
    return `${scheme}:${formatPathName({ path, reference: tag })}`;
  } catch {
    return undefined;
  }
}

async function* inManifest(request: PolicyRequest, descriptor: Descriptor): AsyncGenerator<FoundSignature> {
  const layers = await attempt(request, async () => {
    const { fetcher } = request.source;
    const document = parseManifestDocument(
      await readContent(fetcher, descriptor, maxManifestSize, request.signal),
      descriptor.mediaType,
    );
    return document.kind === 'manifest' ? document.manifest.layers : [];
  });
  if ('fault' in layers) {
    yield layers;
    return;
  }
  for (const layer of layers.value) {
    const isBundle = bundle.test(layer.mediaType);
    const signature = layer.mediaType === simpleSigning ? layer.annotations?.[signatureAnnotation] : undefined;
    if (!isBundle && signature === undefined) continue;
    const content = await attempt(request, () => readContent(request.source.fetcher, layer, maxSignedBytes, request.signal));
    if ('fault' in content) yield content;
    else if (signature === undefined) yield { signature: { format: 'bundle', bundle: content.value } };
    else if (signature.length > maxSignatureLength) yield { fault: 'is longer than any signature' };
    else
      yield {
        signature: { format: 'simple-signing', payload: content.value, signature: Buffer.from(signature, 'base64') },
      };
  }
}

/** What is wrong with one signature is no reason not to look at the others; a source that does not answer is. */
async function attempt<T>(request: PolicyRequest, work: () => Promise<T>): Promise<{ value: T } | { fault: string }> {
  try {
    return { value: await work() };
  } catch (error) {
    throwIfAborted('check of signatures', request.signal);
    const isTheirs = isKind(error, 'not-found', 'failed-precondition', 'invalid-argument', 'resource-exhausted', 'unimplemented');
    if (!isTheirs) throw unreadable(request, error);
    return { fault: `cannot be read: ${wrapError('read', error).message}` };
  }
}

/** Undefined where the source says with one of these kinds that there is nothing. */
async function reading<T>(
  request: PolicyRequest,
  work: () => Promise<T>,
  ...nothing: readonly Parameters<typeof isKind>[1][]
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    throwIfAborted('check of signatures', request.signal);
    if (isKind(error, ...nothing)) return undefined;
    throw unreadable(request, error);
  }
}

/** `permission-denied` would be this policy's own word. */
function unreadable({ name }: PolicyRequest, error: unknown): SlipwayError {
  const { kind, message, hint } = wrapError('read', error);
  return new SlipwayError({
    kind: kind === 'permission-denied' ? 'failed-precondition' : kind,
    code: 'RULES_SIGNATURES_UNREADABLE',
    message: `the signatures of ${quote(name)} cannot be read: ${message}`,
    hint,
    cause: error,
  });
}
