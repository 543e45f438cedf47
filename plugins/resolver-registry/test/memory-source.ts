import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { digestOf, mediaTypes } from '@slipway/oci';
import { type Descriptor, type Fetcher, type Resolver, SlipwayError } from '@slipway/plugin-api';
import { openPlugin } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/resolver-registry';

/** The plugin with what pushes. */
export async function openPushing(
  config: Readonly<Record<string, unknown>> = {},
): Promise<Required<Pick<Resolver, 'resolve' | 'fetcher' | 'pusher' | 'referrers'>> & AsyncDisposable> {
  const root = mkdtempSync(path.join(tmpdir(), 'slipway-push-'));
  const { instance, ...subject } = await openPlugin(plugin, {
    dirs: { root, state: root },
    config: { idle_timeout: 5, ...config },
  });
  const resolver = instance as Resolver;
  const { pusher, referrers } = resolver;
  if (pusher === undefined || referrers === undefined) throw new Error('the plugin does not push');
  return {
    resolve: (...args) => resolver.resolve(...args),
    fetcher: (...args) => resolver.fetcher(...args),
    pusher: (...args) => pusher.apply(resolver, args),
    referrers: (...args) => referrers.apply(resolver, args),
    async [Symbol.asyncDispose]() {
      await subject[Symbol.asyncDispose]();
      rmSync(root, { recursive: true });
    },
  };
}

/** Content in memory, as a source to push from. What was read of it is written down. */
export class MemorySource implements Fetcher {
  readonly reads: { readonly digest: string; readonly offset: number }[] = [];
  readonly #content = new Map<string, Buffer>();
  /** Starts at 0, whatever is asked for. */
  isSequential = false;

  add(mediaType: string, bytes: Buffer, algorithm: 'sha256' | 'sha512' = 'sha256'): Descriptor {
    const digest = digestOf(bytes, algorithm);
    this.#content.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  addJson(mediaType: string, document: object, algorithm?: 'sha256' | 'sha512'): Descriptor {
    return this.add(mediaType, Buffer.from(JSON.stringify(document)), algorithm);
  }

  /** Other bytes under a digest than those that it is of. */
  damage(digest: string, change: (bytes: Buffer) => Buffer): void {
    this.#content.set(digest, change(Buffer.from(this.#content.get(digest) ?? [])));
  }

  /** An image of one layer. */
  image(layerBytes: Buffer, more: object = {}): { layer: Descriptor; config: Descriptor; manifest: Descriptor } {
    const layer = this.add(mediaTypes.ociLayer, layerBytes);
    const config = this.addJson(mediaTypes.ociConfig, {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    });
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer], ...more };
    return { layer, config, manifest: this.addJson(mediaTypes.ociManifest, document) };
  }

  fetch: Fetcher['fetch'] = async ({ digest }, { offset = 0 } = {}) => {
    const bytes = this.#content.get(digest);
    if (bytes === undefined) throw new SlipwayError({ kind: 'not-found', code: 'NOT_HERE', message: `no ${digest}` });
    const start = this.isSequential ? 0 : offset;
    this.reads.push({ digest, offset: start });
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let at = start; at < bytes!.length; at += 1_000_000) yield bytes!.subarray(at, at + 1_000_000);
    }
    return { offset: start, body: body(), async [Symbol.asyncDispose]() {} };
  };
}
