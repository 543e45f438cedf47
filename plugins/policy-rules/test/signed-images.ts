import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor, PolicySource, Resolver } from '@slipway/plugin-api';
import { MemoryRegistry, memoryResolver, type PolicyCase } from '@slipway/plugin-testkit';

type Published = Parameters<MemoryRegistry['publish']>[1];

/** Images in memory, with what lies beside them. */
export class SignedImages {
  readonly registry = new MemoryRegistry();
  readonly resolver: Resolver = memoryResolver(this.registry, { idleTimeoutMs: 200 });
  readonly #referrers = new Map<string, Descriptor[]>();
  #count = 0;

  /** Another one at each call; nothing lies beside it. */
  image(repository = `team/app${++this.#count}`): PolicyCase & { readonly repository: string; readonly bare: string } {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, repository, salt: Math.random() }));
    const target = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length };
    const bare = this.registry.name(repository);
    return { repository, bare, name: `${bare}:1`, target, source: this.source(bare) };
  }

  /** At its tag, or, without one, among those that refer to the image. In memory it is there when this returns. */
  put(repository: string, target: Descriptor, artifact: Published): void {
    void this.registry.publish(repository, artifact);
    if (artifact.tag !== undefined) return;
    const known = this.#referrers.get(target.digest) ?? [];
    this.#referrers.set(target.digest, [...known, artifact.manifest.descriptor]);
  }

  source(name: string): PolicySource {
    return {
      resolve: (...question) => this.resolver.resolve(...question),
      referrers: async (subject) => this.#referrers.get(subject) ?? [],
      fetcher: this.resolver.fetcher(name),
    };
  }
}

export interface TestKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly pem: string;
}

export const keyKinds = {
  p256: () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  p384: () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ed25519: () => generateKeyPairSync('ed25519'),
} as const;

export function testKey(kind: keyof typeof keyKinds = 'p256'): TestKey {
  const { privateKey, publicKey } = keyKinds[kind]();
  return { privateKey, publicKey, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

export function writeKey(folder: string, name: string, pem: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, name);
  writeFileSync(file, pem, { mode: 0o644 });
  return file;
}
