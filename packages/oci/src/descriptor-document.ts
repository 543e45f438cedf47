import type { Descriptor, Digest, Platform } from '@slipway/plugin-api';
import { isDigest } from './digest.js';
import {
  asArray,
  asMap,
  asObject,
  asSize,
  asString,
  type DocumentNode,
  member,
  optional,
  present,
  refuse,
} from './document-node.js';
import { quote } from './quote.js';

// RFC 6838, section 4.2, which the image-spec asks for.
const mediaTypePattern = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;
const maxUrls = 32;

export function readDescriptor(node: DocumentNode): Descriptor {
  asObject(node);
  return present<Descriptor>({
    mediaType: readMediaType(member(node, 'mediaType')),
    digest: readDigest(member(node, 'digest')),
    size: asSize(member(node, 'size')),
    urls: optional(member(node, 'urls'), (urls) => asArray(urls, asString, maxUrls)),
    annotations: optional(member(node, 'annotations'), (map) => asMap(map, asString)),
    platform: optional(member(node, 'platform'), readPlatform),
    artifactType: optional(member(node, 'artifactType'), readArtifactType),
    data: optional(member(node, 'data'), asString),
  });
}

export function readDigest(node: DocumentNode): Digest {
  const text = asString(node);
  if (!isDigest(text))
    throw refuse(node, `is ${quote(text)}, expected sha256: or sha512: and as many lower-case hexadecimal digits as it has`);
  return text;
}

export function readMediaType(node: DocumentNode): string {
  const text = asString(node);
  if (!mediaTypePattern.test(text)) throw refuse(node, `is ${quote(text)}, expected a media type`);
  return text;
}

/** Go leaves nothing out of a struct without `omitempty` and writes an empty string for "none". */
export function readArtifactType(node: DocumentNode): string | undefined {
  return node.value === '' ? undefined : readMediaType(node);
}

/** An empty `os` or `architecture` is kept: it matches no platform. */
function readPlatform(node: DocumentNode): Platform {
  return present<Platform>({
    os: optional(member(node, 'os'), asString) ?? '',
    architecture: optional(member(node, 'architecture'), asString) ?? '',
    variant: optional(member(node, 'variant'), asString),
    'os.version': optional(member(node, 'os.version'), asString),
    'os.features': optional(member(node, 'os.features'), (features) => asArray(features, asString)),
  });
}
