import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, mediaTypes } from '@slipway/oci';
import { type PolicyRequest, SlipwayError } from '@slipway/plugin-api';
import { cosignBundle, cosignSignature } from '@slipway/plugin-testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcomeOf, type RulesPlace, rulesPlace } from './open-rules.js';
import { keyKinds, SignedImages, testKey, writeKey } from './signed-images.js';

let place: RulesPlace;
let images: SignedImages;
beforeEach(() => {
  place = rulesPlace();
  images = new SignedImages();
});
afterEach(() => place[Symbol.dispose]());

const [key, other] = [testKey(), testKey()];
const match = 'memory.test/**';
const keyFile = (name = 'cosign.pub', pem = key.pem): string => writeKey(join(place.folder, 'keys'), name, pem);
const signedRule = (more: Readonly<Record<string, unknown>> = {}) => ({
  rules: [{ match, action: 'signed', keys: [keyFile()], ...more }],
});

/** An image, and a signature beside it. */
function signedImage(how: Partial<Parameters<typeof cosignSignature>[0]> = {}, repository?: string) {
  const image = images.image(repository);
  const { target, bare: name } = image;
  const artifact = cosignSignature({ target, name, privateKey: key.privateKey, ...how });
  const tag = `${target.digest.replace(':', '-')}.sig`;
  images.put(image.repository, target, how.subject === undefined ? { ...artifact, tag } : { ...artifact, tag: undefined });
  return image;
}

function manifestOf(document: string) {
  const bytes = Buffer.from(document);
  return { descriptor: { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length }, bytes };
}

/** A good bundle with other material to verify it with. */
function putBundle({ repository, target }: ReturnType<SignedImages['image']>, verificationMaterial: object): void {
  const sound = cosignBundle({ target, privateKey: key.privateKey });
  const [, layer] = sound.blobs;
  const bytes = Buffer.from(JSON.stringify({ ...JSON.parse(layer?.bytes.toString() ?? ''), verificationMaterial }));
  const descriptor = { mediaType: layer?.descriptor.mediaType ?? '', digest: digestOf(bytes), size: bytes.length };
  const document = { ...JSON.parse(sound.manifest.bytes.toString()), layers: [descriptor] };
  images.put(repository, target, {
    tag: undefined,
    manifest: manifestOf(JSON.stringify(document)),
    blobs: [{ descriptor, bytes }],
  });
}

describe('signatures', () => {
  for (const kind of Object.keys(keyKinds) as (keyof typeof keyKinds)[]) {
    for (const format of ['tag', 'bundle'] as const) {
      it(`of a key of the kind ${kind} are good, in the format of a ${format}`, async () => {
        const [own, wrong] = [testKey(kind), testKey(kind)];
        const image = images.image();
        const options = { target: image.target, name: image.bare, privateKey: own.privateKey };
        images.put(image.repository, image.target, format === 'tag' ? cosignSignature(options) : cosignBundle(options));
        const rules = (pem: string) => signedRule({ keys: [keyFile(`${kind}.pub`, pem)] });
        expect(await outcomeOf(await place.open(rules(wrong.pem)), image)).toContain('one is by none of the keys');
        expect(await outcomeOf(await place.open(rules(own.pem)), image)).toBe('allowed');
      });
    }
  }

  it('of P-384 are good with either hash', async () => {
    const own = testKey('p384');
    const policy = await place.open(signedRule({ keys: [keyFile('p384.pub', own.pem)] }));
    for (const hash of ['sha256', 'sha384'] as const) {
      expect(await outcomeOf(policy, signedImage({ privateKey: own.privateKey, hash }))).toBe('allowed');
    }
  });

  it('are found among what refers to the image', async () => {
    const policy = await place.open(signedRule());
    const image = images.image();
    const { target, bare: name } = image;
    const artifact = cosignSignature({ target, name, privateKey: key.privateKey, subject: target });
    images.put(image.repository, target, { ...artifact, tag: undefined });
    expect(await outcomeOf(policy, image)).toBe('allowed');
  });

  it('by one of several keys are enough, whichever artifact has them', async () => {
    const policy = await place.open(signedRule({ keys: [keyFile('other.pub', other.pem), keyFile()] }));
    expect(await outcomeOf(policy, signedImage())).toBe('allowed');
    const image = signedImage({ privateKey: testKey().privateKey });
    images.put(image.repository, image.target, cosignBundle({ target: image.target, privateKey: other.privateKey }));
    expect(await outcomeOf(policy, image)).toBe('allowed');
  });

  it('are missed where there are none, and it says how to make one', async () => {
    const policy = await place.open(signedRule());
    const image = images.image();
    expect(await outcomeOf(policy, image)).toBe(
      `RULES_UNSIGNED: rule 1 ("${match}") asks for a signature of "${image.name}" (${image.target.digest}) by "${keyFile()}", and found none`,
    );
    await expect(policy.check({ operation: 'run', ...image })).rejects.toMatchObject({
      kind: 'permission-denied',
      hint: expect.stringContaining('cosign sign'),
    });
  });

  it('for another image, another name or another purpose do not count', async () => {
    const policy = await place.open(signedRule());
    const elsewhere = images.image();
    const bundled = images.image();
    images.put(bundled.repository, bundled.target, cosignBundle({ target: elsewhere.target, privateKey: key.privateKey }));
    const attested = images.image();
    const predicateType = 'https://slsa.dev/provenance/v1';
    images.put(
      attested.repository,
      attested.target,
      cosignBundle({ target: attested.target, privateKey: key.privateKey, predicateType }),
    );
    const refused: readonly [Omit<PolicyRequest, 'operation'>, string][] = [
      [signedImage({ target: elsewhere.target }), `is for the digest "${elsewhere.target.digest}"`],
      [signedImage({ name: 'memory.test/team/app' }), 'is for the name "memory.test/team/app", expected "memory.test/team/app'],
      [signedImage({ name: '' }), 'is for the name ""'],
      [signedImage({ type: 'atomic container signature' }), 'signs something else than an image'],
      [bundled, 'is for another digest'],
      [attested, 'attests "https://slsa.dev/provenance/v1", and signs no image'],
    ];
    for (const [image, why] of refused) {
      const outcome = await outcomeOf(policy, image);
      expect(outcome).toContain('RULES_SIGNATURE_REFUSED: rule 1');
      expect(outcome).toContain(why);
    }
    expect(readdirSync(place.folder)).not.toContain('signatures');
  });

  it('with a tag in their name are for that tag', async () => {
    const policy = await place.open(signedRule());
    const tagged = signedImage({ name: 'memory.test/team/tagged:1' }, 'team/tagged');
    expect(await outcomeOf(policy, tagged)).toBe('allowed');
    expect(await outcomeOf(policy, { ...tagged, name: 'memory.test/team/tagged:2' })).toContain('is for the name');
    expect(await outcomeOf(policy, { ...tagged, name: `memory.test/team/tagged@${tagged.target.digest}` })).toBe('allowed');
  });

  it('of a mirror name their origin, when the rule says so', async () => {
    const image = signedImage({ name: 'origin.example.com/team/app' });
    expect(await outcomeOf(await place.open(signedRule()), image)).toContain('is for the name "origin.example.com/team/app"');
    expect(await outcomeOf(await place.open(signedRule({ identity: 'origin.example.com/*' })), image)).toContain(
      'expected "origin.example.com/*"',
    );
    expect(await outcomeOf(await place.open(signedRule({ identity: 'origin.example.com/team/*' })), image)).toBe('allowed');
    // Bundles name no repository at all.
    const bundled = images.image();
    images.put(bundled.repository, bundled.target, cosignBundle({ target: bundled.target, privateKey: key.privateKey }));
    expect(await outcomeOf(await place.open(signedRule({ identity: 'origin.example.com/**' })), bundled)).toContain(
      'names no repository',
    );
  });

  it('whose payload was changed do not count, with the old digest or with the new one', async () => {
    const policy = await place.open(signedRule());
    const image = images.image();
    const { target, bare: name, repository } = image;
    const sound = cosignSignature({ target, name, privateKey: key.privateKey });
    const [config, payload] = sound.blobs;
    if (config === undefined || payload === undefined) throw new Error('it has a config and a payload');
    const bytes = Buffer.from(payload.bytes.toString().replace('"optional":null', '"optional":true'));
    images.put(repository, target, { ...sound, blobs: [config, { ...payload, bytes }] });
    expect(await outcomeOf(policy, image)).toContain('cannot be read: content');

    const document = sound.manifest.bytes.toString().replace(payload.descriptor.digest, digestOf(bytes));
    const manifest = Buffer.from(document);
    const descriptor = { ...sound.manifest.descriptor, digest: digestOf(manifest), size: manifest.length };
    const moved = { descriptor: { ...payload.descriptor, digest: digestOf(bytes) }, bytes };
    images.put(repository, target, { ...sound, manifest: { descriptor, bytes: manifest }, blobs: [config, moved] });
    expect(await outcomeOf(policy, image)).toContain('is by none of the keys');
  });

  it('that are no signatures do not count', async () => {
    const policy = await place.open(signedRule());
    const put = (change: (layer: Record<string, unknown>) => unknown, content = '{}') => {
      const image = images.image();
      const bytes = Buffer.from(content);
      const layer = {
        mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
        digest: digestOf(bytes),
        size: bytes.length,
        annotations: { 'dev.cosignproject.cosign/signature': 'bm9uZQ==' },
      };
      const config = { mediaType: mediaTypes.ociEmpty, digest: digestOf('{}'), size: 2 };
      const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [change(layer)].flat() };
      const manifest = Buffer.from(JSON.stringify(document));
      images.put(image.repository, image.target, {
        tag: `${image.target.digest.replace(':', '-')}.sig`,
        manifest: {
          descriptor: { mediaType: mediaTypes.ociManifest, digest: digestOf(manifest), size: manifest.length },
          bytes: manifest,
        },
        blobs: [{ descriptor: { mediaType: 'x/y', digest: digestOf(bytes), size: bytes.length }, bytes }],
      });
      return image;
    };
    const annotated = (text: string) => ({ annotations: { 'dev.cosignproject.cosign/signature': text } });
    const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
    const refused: readonly [Omit<PolicyRequest, 'operation'>, string][] = [
      [put((layer) => layer), 'is by none of the keys'],
      [put((layer) => ({ ...layer, ...annotated('%%%') })), 'is by none of the keys'],
      [put((layer) => ({ ...layer, ...annotated('A'.repeat(5000)) })), 'is longer than any signature'],
      [put((layer) => ({ ...layer, size: 100_000_000 })), 'at most 1048576 are read'],
      [put((layer) => Array(70).fill(layer)), 'more than 64 signatures'],
      [put((layer) => ({ ...layer, mediaType: bundleType })), 'is no bundle that can be read'],
      [put((layer) => ({ ...layer, mediaType: bundleType }), 'null'), 'is no bundle that can be read'],
      [put(() => ({ mediaType: 'x' })), 'cannot be read: image manifest'],
      [put((layer) => ({ ...layer, digest: `sha256:${'0'.repeat(64)}` })), 'cannot be read'],
    ];
    for (const [image, why] of refused) expect(await outcomeOf(policy, image)).toContain(why);
    // No layer of it claims to be one.
    expect(
      await outcomeOf(
        policy,
        put((layer) => ({ ...layer, annotations: {} })),
      ),
    ).toContain('and found none');
  });

  it('in bundles with an entry of a transparency log are judged by the key alone', async () => {
    const policy = await place.open(signedRule());
    const image = images.image();
    const entry = {
      logIndex: '1',
      logId: { keyId: 'AAAA' },
      kindVersion: { kind: 'dsse', version: '0.0.1' },
      integratedTime: '1700000000',
      inclusionPromise: { signedEntryTimestamp: 'AAAA' },
      inclusionProof: { logIndex: '1', rootHash: 'AAAA', treeSize: '2', hashes: [], checkpoint: { envelope: 'none' } },
      canonicalizedBody: 'e30=',
    };
    putBundle(image, { publicKey: { hint: 'x' }, tlogEntries: [entry] });
    expect(await outcomeOf(policy, image)).toBe('allowed');
  });

  it('that somebody signed without a key are not of a key', async () => {
    const policy = await place.open(signedRule());
    const image = images.image();
    putBundle(image, { certificate: { rawBytes: 'AAAA' }, tlogEntries: [] });
    expect(await outcomeOf(policy, image)).toContain('is made with a certificate, not with a key');
  });

  it('that openssl has made of what cosign would sign are good', async () => {
    const file = (name: string): string => join(place.folder, name);
    const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file('team.key'));
    openssl('ec', '-in', file('team.key'), '-pubout', '-out', file('team.pub'));
    const policy = await place.open(signedRule({ keys: [file('team.pub')] }));
    const image = images.image();
    const unsigned = cosignSignature({ target: image.target, name: image.bare, privateKey: key.privateKey });
    const payload = unsigned.blobs.find(({ bytes }) => bytes.includes('critical'));
    writeFileSync(file('payload.json'), payload?.bytes ?? '');
    const signature = openssl('dgst', '-sha256', '-sign', file('team.key'), file('payload.json')).toString('base64');
    const document = unsigned.manifest.bytes.toString().replace(/(cosign\/signature":)"[^"]*"/, `$1"${signature}"`);
    images.put(image.repository, image.target, { ...unsigned, manifest: manifestOf(document) });
    expect(await outcomeOf(policy, image)).toBe('allowed');
  });

  it('of a source that refuses to say are no word of this policy', async () => {
    const policy = await place.open(signedRule());
    const image = images.image();
    const resolve = (): Promise<never> =>
      Promise.reject(new SlipwayError({ kind: 'permission-denied', code: 'LOGIN', message: 'who are you?' }));
    await expect(policy.check({ operation: 'pull', ...image, source: { ...image.source, resolve } })).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'RULES_SIGNATURES_UNREADABLE',
      message: expect.stringContaining('who are you?'),
    });
  });

  it('of an image with a digest of sha512 are found by reference', async () => {
    const policy = await place.open(signedRule());
    const image = images.image();
    const target = { ...image.target, digest: `sha512:${createHash('sha512').update(image.name).digest('hex')}` };
    images.put(image.repository, target, cosignBundle({ target, privateKey: key.privateKey }));
    expect(await outcomeOf(policy, { ...image, target })).toBe('allowed');
  });
});

describe('signatures that were kept', () => {
  const nowhere = (image: Omit<PolicyRequest, 'operation'>) => {
    const fail = (): Promise<never> =>
      Promise.reject(new SlipwayError({ kind: 'unavailable', code: 'OFFLINE', message: 'no network' }));
    return { ...image, source: { resolve: fail, referrers: fail, fetcher: { fetch: fail } } };
  };

  it('are judged again by the keys of now', async () => {
    const image = signedImage();
    expect(await outcomeOf(await place.open(signedRule()), image)).toBe('allowed');
    expect(await outcomeOf(await place.open(signedRule()), nowhere(image))).toBe('allowed');
    const changed = await place.open(signedRule({ keys: [keyFile('other.pub', other.pem)] }));
    expect(await outcomeOf(changed, nowhere(image))).toContain('no network');
    expect(await outcomeOf(changed, image)).toContain('RULES_SIGNATURE_REFUSED');
    images.put(image.repository, image.target, cosignBundle({ target: image.target, privateKey: other.privateKey }));
    expect(await outcomeOf(changed, image)).toBe('allowed');
    expect(await outcomeOf(changed, nowhere(image))).toBe('allowed');
    expect(readdirSync(place.kept)).toHaveLength(2);
  });

  it('are not trusted: a file that was changed vouches for nothing', async () => {
    const image = signedImage();
    const policy = await place.open(signedRule());
    expect(await outcomeOf(policy, image)).toBe('allowed');
    const [name] = readdirSync(place.kept);
    const file = join(place.kept, name ?? '');
    const text = readFileSync(file, 'utf8');
    for (const bad of [
      text.slice(0, -20),
      text.replace('simple-signing', 'bundle'),
      text.replace('"payload":"ey', '"payload":"ez'),
      '',
    ]) {
      writeFileSync(file, bad);
      expect(await outcomeOf(policy, nowhere(image)), bad).toContain('no network');
    }
    writeFileSync(file, text);
    expect(await outcomeOf(policy, nowhere(image))).toBe('allowed');
  });

  it('are none of a half written file, and that goes after a while', async () => {
    const image = signedImage();
    const policy = await place.open(signedRule());
    expect(await outcomeOf(policy, image)).toBe('allowed');
    const [fresh, old] = ['fresh.new', 'old.new'].map((name) => join(place.kept, name)) as [string, string];
    for (const file of [fresh, old]) writeFileSync(file, '{');
    utimesSync(old, new Date(0), new Date(0));
    expect(await outcomeOf(policy, signedImage())).toBe('allowed');
    expect(readdirSync(place.kept).filter((name) => name.endsWith('.new'))).toEqual(['fresh.new']);
  });

  it('are bounded: the oldest go', async () => {
    const policy = await place.open(signedRule());
    const image = signedImage();
    expect(await outcomeOf(policy, image)).toBe('allowed');
    const [first] = readdirSync(place.kept);
    for (let index = 0; index < 4096; index++) {
      const file = join(place.kept, `sha256-${index.toString(16).padStart(64, '0')}.x.json`);
      writeFileSync(file, '{}');
      utimesSync(file, new Date(1000 * (index + 1)), new Date(1000 * (index + 1)));
    }
    expect(await outcomeOf(policy, signedImage())).toBe('allowed');
    const left = readdirSync(place.kept);
    expect(left.length).toBe(4096 + 2 - 512);
    expect(left).toContain(first);
    expect(left.some((name) => name.startsWith(`sha256-${'0'.repeat(64)}`))).toBe(false);
  });
});
