import { type KeyObject, sign } from 'node:crypto';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor } from '@slipway/plugin-api';
import { published } from '../resolver/image.js';
import type { PublishedContent, PublishedImage } from '../resolver/origin.js';

export interface CosignOptions {
  /** What is signed: its digest stands in the signature. */
  readonly target: Descriptor;
  readonly privateKey: KeyObject;
  /** Of ECDSA and RSA. */
  readonly hash?: 'sha256' | 'sha384' | undefined;
}

export interface SimpleSigningOptions extends CosignOptions {
  /** The name in the signature. */
  readonly name: string;
  /** By default the one of cosign. */
  readonly type?: string | undefined;
  /** Also as one that refers to the image. */
  readonly subject?: Descriptor | undefined;
}

const signatureType = 'application/vnd.dev.cosign.artifact.sig.v1+json';
const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** A signature as `cosign sign --key` makes it, for the tag at which it is looked for: payload, signature in the annotation, manifest. */
export function cosignSignature(options: SimpleSigningOptions): PublishedImage {
  const { target, name, type = 'cosign container image signature' } = options;
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': name },
        image: { 'docker-manifest-digest': target.digest },
        type,
      },
      optional: null,
    }),
  );
  const layer = published('application/vnd.dev.cosign.simplesigning.v1+json', payload);
  const annotations = { 'dev.cosignproject.cosign/signature': signatureOf(payload, options).toString('base64') };
  return artifact({
    tag: `${target.digest.replace(':', '-')}.sig`,
    layer,
    annotations,
    subject: options.subject,
    artifactType: options.subject === undefined ? undefined : signatureType,
  });
}

export interface BundleOptions extends CosignOptions {
  readonly predicateType?: string | undefined;
}

/** A signature as cosign makes it since version 3: a bundle with a signed statement, in an artifact that refers to the image. */
export function cosignBundle(options: BundleOptions): PublishedImage {
  const { target, predicateType = 'https://sigstore.dev/cosign/sign/v1' } = options;
  const [algorithm = '', encoded] = target.digest.split(':');
  const payloadType = 'application/vnd.in-toto+json';
  const payload = Buffer.from(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { [algorithm]: encoded } }],
      predicateType,
      predicate: {},
    }),
  );
  const encoding = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `), payload]);
  const bundle = {
    mediaType: bundleType,
    verificationMaterial: { publicKey: { hint: 'test' }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType,
      signatures: [{ sig: signatureOf(encoding, options).toString('base64') }],
    },
  };
  return artifact({
    layer: published(bundleType, Buffer.from(JSON.stringify(bundle))),
    annotations: {},
    subject: target,
    artifactType: bundleType,
  });
}

function signatureOf(bytes: Buffer, { privateKey, hash = 'sha256' }: CosignOptions): Buffer {
  return sign(privateKey.asymmetricKeyType === 'ed25519' ? null : hash, bytes, privateKey);
}

function artifact(parts: {
  readonly tag?: string | undefined;
  readonly layer: PublishedContent;
  readonly annotations: Readonly<Record<string, string>>;
  readonly subject: Descriptor | undefined;
  readonly artifactType: string | undefined;
}): PublishedImage {
  const { tag, layer, annotations, subject, artifactType } = parts;
  const config = published(mediaTypes.ociEmpty, Buffer.from('{}'));
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: config.descriptor,
    layers: [{ ...layer.descriptor, annotations }],
    subject: subject && { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
  };
  const bytes = Buffer.from(JSON.stringify(document));
  const descriptor = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length };
  const manifest = { descriptor: artifactType === undefined ? descriptor : { ...descriptor, artifactType }, bytes };
  return { tag, manifest, blobs: [config, layer] };
}
