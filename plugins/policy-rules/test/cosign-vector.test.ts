import { digestOf } from '@slipway/oci';
import { expect, it } from 'vitest';
import { signatureFault } from '../dist/image-signature.js';
import { readPublicKey } from '../dist/public-key.js';
import { rulesPlace } from './open-rules.js';
import { writeKey } from './signed-images.js';

/**
 * A signature that cosign has made, of an image that the Freedom of the Press Foundation published: its public key, the annotation of the
 * signature's layer, and the digest of the payload, as its registry has them.
 */
const published = {
  name: 'ghcr.io/freedomofpress/dangerzone/v1',
  digest: 'sha256:7396780b5862cf8b37527854a2a2331e5c746b6a71aa1f424258c3bfaf3a1bd7',
  payloadDigest: 'sha256:88b8a2ac5b829f47bd25a5a4d9c2ccb0fccff7f53a17477b6d9b5680436aa80f',
  signature: 'MEQCIAQScnT03MVfmxjYyW5qAmvQ6TSoukPuw0HmSVlMBwYEAiAzGb76cvDb4CHJ+H6tD00bW1Sh1CK6opaRmI2ist4p2A==',
  key: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3CUlnwh825Z5wQAJV6TekEi6bCK2
YvAg7A+aeerM5hvc4CCCJFBae5AjnsjGHv4V/3xzssck6e51W+b0jU4qVw==
-----END PUBLIC KEY-----
`,
};

it('takes a signature that cosign itself has made', async () => {
  using place = rulesPlace();
  const payload = Buffer.from(
    `{"critical":{"identity":{"docker-reference":"${published.name}"},"image":{"docker-manifest-digest":"${published.digest}"},` +
      '"type":"cosign container image signature"},"optional":null}',
  );
  expect(digestOf(payload)).toBe(published.payloadDigest);
  const keys = [await readPublicKey(writeKey(place.folder, 'dangerzone.pub', published.key))];
  const signature = { format: 'simple-signing', payload, signature: Buffer.from(published.signature, 'base64') } as const;
  const demand = { name: `${published.name}:latest`, digest: published.digest, identity: undefined, keys };
  expect(await signatureFault(signature, demand)).toBeUndefined();
  const changed = Buffer.from(payload.toString().replace('null', 'true'));
  expect(await signatureFault({ ...signature, payload: changed }, demand)).toBe('is by none of the keys');
  expect(await signatureFault(signature, { ...demand, name: 'ghcr.io/freedomofpress/other:latest' })).toContain(
    'is for the name',
  );
});
