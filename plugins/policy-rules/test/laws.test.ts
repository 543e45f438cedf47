import 'reflect-metadata';
import { join } from 'node:path';
import { cosignBundle, cosignSignature, openPlugin, policyLaws } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/policy-rules';
import { describe, it } from 'vitest';
import { SignedImages, testKey, writeKey } from './signed-images.js';

const manifest = new URL('../package.json', import.meta.url);
const key = testKey();
const images = new SignedImages();

/** How an image comes to be allowed; refused is what has nothing beside it, or what is denied. */
const ways = {
  'signed, in the format of tags': {
    action: 'signed',
    sign: (image: ReturnType<SignedImages['image']>) =>
      images.put(image.repository, image.target, cosignSignature({ ...image, name: image.bare, privateKey: key.privateKey })),
  },
  'signed, in the format of bundles': {
    action: 'signed',
    sign: (image: ReturnType<SignedImages['image']>) =>
      images.put(image.repository, image.target, cosignBundle({ ...image, privateKey: key.privateKey })),
  },
  'allowed by name': { action: 'allow', sign: () => {} },
} as const;

for (const [way, { action, sign }] of Object.entries(ways)) {
  describe(`images that are ${way}`, () => {
    policyLaws(
      { describe, it },
      async (root) => {
        const keys = [writeKey(join(root, 'keys'), 'cosign.pub', key.pem)];
        const { instance: policy, ...subject } = await openPlugin(plugin, {
          dirs: { root: join(root, 'plugin'), state: join(root, 'state') },
          config: { rules: [{ match: 'memory.test/team/*', action, ...(action === 'signed' ? { keys } : {}) }] },
        });
        return {
          ...subject,
          instance: {
            policy,
            allowed() {
              const image = images.image();
              sign(image);
              return image;
            },
            refused: () => images.image(action === 'signed' ? undefined : `other/app`),
          },
        };
      },
      { manifest },
    );
  });
}
