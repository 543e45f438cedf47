import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Descriptor, type Fetcher, resolverPoint } from '@slipway/plugin-api';
import type { cosignSignature } from '@slipway/plugin-testkit';
import type { Place } from './place.ts';

export type Artifact = ReturnType<typeof cosignSignature>;

export interface SigningKey {
  readonly privateKey: KeyObject;
  /** The PEM file of the public key. */
  readonly file: string;
}

export function makeKey(folder: string, name: string): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const file = path.join(folder, `${name}.pub`);
  writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o644 });
  return { privateKey, file };
}

/** Brings a signature to its tag in the repository, or, without one, among what refers to the image, with the resolver of the place. */
export async function pushArtifact(place: Place, repository: string, { tag, manifest, blobs }: Artifact): Promise<void> {
  await using host = await place.openHost();
  const resolver = await host.kernel.get(resolverPoint);
  const name = tag === undefined ? `${repository}@${manifest.descriptor.digest}` : `${repository}:${tag}`;
  const pusher = resolver.pusher?.(name);
  if (pusher === undefined) throw new Error('the resolver does not push');
  await using _ = pusher;
  for (const { descriptor, bytes } of [...blobs, manifest]) await pusher.push(descriptor, fetcherOf(bytes));
  await pusher.complete(manifest.descriptor);
}

function fetcherOf(bytes: Buffer): Fetcher {
  return {
    fetch: async (_: Descriptor, { offset = 0 } = {}) => ({
      offset,
      body: (async function* () {
        yield bytes.subarray(offset);
      })(),
      [Symbol.asyncDispose]: async () => {},
    }),
  };
}
