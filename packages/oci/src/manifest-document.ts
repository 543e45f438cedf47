import { type ImageIndex, type ImageManifest, SlipwayError } from '@slipway/plugin-api';
import { readArtifactType, readDescriptor, readMediaType } from './descriptor-document.js';
import {
  asArray,
  asMap,
  asString,
  type DocumentKind,
  type DocumentNode,
  isAbsent,
  member,
  optional,
  parseDocument,
  present,
  refuse,
} from './document-node.js';
import { isIndexType, isManifestType, isSchema1Type, mediaTypes } from './media-types.js';
import { quote } from './quote.js';

/** Bytes of a manifest or index; distribution-spec asks registries to take at least this much, and they take no more. */
export const maxManifestSize = 4 * 1024 * 1024;
/** Layers of one image. Far over what any storage can stack, far under what fits in 4 MiB. */
export const maxLayers = 1000;
/** Manifests of one index. */
export const maxIndexManifests = 1000;

export type ManifestDocument =
  | { readonly kind: 'manifest'; readonly manifest: ImageManifest; readonly mediaType: string }
  | { readonly kind: 'index'; readonly index: ImageIndex; readonly mediaType: string };

const document: DocumentKind = { what: 'image manifest', code: 'MANIFEST', maxSize: maxManifestSize };

/**
 * Reads an image manifest or index, OCI or Docker schema 2, and checks everything in it. `mediaType` is what whoever sent it
 * said it is (a descriptor, a Content-Type); what the document says of itself and what it looks like must agree with that, or one party would see an
 * image where another sees an index of others (CVE-2021-41190).
 *
 * Errors: `invalid-argument` (`MANIFEST_INVALID`, `MANIFEST_AMBIGUOUS`, `MANIFEST_MEDIA_TYPE_MISMATCH`),
 * `resource-exhausted` (`MANIFEST_TOO_LARGE`), `unimplemented` (`MANIFEST_SCHEMA1_UNSUPPORTED`).
 */
export function parseManifestDocument(bytes: Uint8Array, mediaType?: string): ManifestDocument {
  const claimed = mediaType === undefined ? undefined : withoutParameters(mediaType);
  if (claimed !== undefined && isSchema1Type(claimed)) throw schema1();
  const node = parseDocument(bytes, document);
  const version = member(node, 'schemaVersion');
  if (version.value === 1 || !isAbsent(member(node, 'fsLayers'))) throw schema1();
  if (version.value !== 2) throw refuse(version, 'is not 2');

  const kind = kindOf(node);
  const stated = optional(member(node, 'mediaType'), (own) => (own.value === '' ? undefined : readMediaType(own)));
  const actual = agreedMediaType(node, kind, stated, claimed);
  const common = {
    schemaVersion: 2 as const,
    mediaType: stated,
    artifactType: optional(member(node, 'artifactType'), readArtifactType),
    subject: optional(member(node, 'subject'), readDescriptor),
    annotations: optional(member(node, 'annotations'), (map) => asMap(map, asString)),
  };
  if (kind === 'index') {
    const manifests = asArray(member(node, 'manifests'), readDescriptor, maxIndexManifests);
    return { kind, index: present<ImageIndex>({ ...common, manifests }), mediaType: actual };
  }
  const config = readDescriptor(member(node, 'config'));
  const layers = optional(member(node, 'layers'), (list) => asArray(list, readDescriptor, maxLayers)) ?? [];
  return { kind, manifest: present<ImageManifest>({ ...common, config, layers }), mediaType: actual };
}

function kindOf(node: DocumentNode): 'manifest' | 'index' {
  const [manifests, config, layers] = ['manifests', 'config', 'layers'].map((name) => !isAbsent(member(node, name)));
  if (manifests && (config || layers))
    throw refuse(node, `has "manifests" beside ${config ? '"config"' : '"layers"'}: it is both an index and a manifest`, {
      suffix: 'AMBIGUOUS',
    });
  if (manifests) return 'index';
  if (config) return 'manifest';
  throw refuse(node, 'has neither "manifests" nor "config": it is no index and no manifest');
}

function agreedMediaType(
  node: DocumentNode,
  kind: 'manifest' | 'index',
  stated: string | undefined,
  claimed: string | undefined,
): string {
  const mismatch = (why: string): SlipwayError => refuse(node, why, { suffix: 'MEDIA_TYPE_MISMATCH' });
  if (stated !== undefined && claimed !== undefined && stated !== claimed)
    throw mismatch(`says that it is ${quote(stated)}, but was announced as ${quote(claimed)}`);
  const type = stated ?? claimed ?? (kind === 'index' ? mediaTypes.ociIndex : mediaTypes.ociManifest);
  const fits = kind === 'index' ? isIndexType(type) : isManifestType(type);
  if (!fits)
    throw mismatch(`has the members of ${kind === 'index' ? 'an index' : 'a manifest'}, but its media type is ${quote(type)}`);
  return type;
}

function withoutParameters(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

function schema1(): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'MANIFEST_SCHEMA1_UNSUPPORTED',
    message: "the image has a manifest of Docker's schema 1, which is not supported",
    hint: 'push the image again with a current tool, which writes an OCI or Docker schema 2 manifest',
  });
}
