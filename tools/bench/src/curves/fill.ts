import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { contentPoint, defineTable, metadataPoint } from '@slipway/plugin-api';
import { type OpenEngineOptions, openHost } from 'slipway';

const images = defineTable<object>('images', (value) => value as object);
const content = defineTable<object>('content', (value) => value as object);

/** Rows of one transaction while filling. */
const rowsAtOnce = 5000;

/** An image is a manifest, a config and three layers, each of its own, with the labels that a pull writes. */
export async function fill(options: OpenEngineOptions & { readonly root: string }, count: number): Promise<void> {
  await using host = await openHost(options);
  const metadata = await host.kernel.get(metadataPoint);
  await host.kernel.get(contentPoint);
  const at = new Date().toISOString();
  const blobs = path.join(options.root, 'content.v1/local/blobs/sha256');
  const makeBlob = (text: string): string => {
    const hex = createHash('sha256').update(text).digest('hex');
    writeFileSync(path.join(blobs, hex), text);
    return `sha256:${hex}`;
  };
  for (let first = 0; first < count; first += rowsAtOnce / 5) {
    const some = Array.from({ length: Math.min(rowsAtOnce / 5, count - first) }, (_, index) => {
      const name = nameOf(first + index);
      const [manifest = '', config = '', ...layers] = ['manifest', 'config', 'layer 0', 'layer 1', 'layer 2'].map((part) =>
        makeBlob(`${part} of ${name}`),
      );
      return { name, manifest, config, layers };
    });
    await metadata.write((tx) => {
      for (const { name, manifest, config, layers } of some) {
        const source = { 'containerd.io/distribution.source.registry.example.com': 'app' };
        const put = (digest: string, labels: object): void =>
          tx.put(content, `default/${digest}`, { size: 60, createdAt: at, labels: { ...source, ...labels } });
        const layerRefs = layers.map((layer, index) => [`containerd.io/gc.ref.content.l.${index}`, layer]);
        put(manifest, { 'containerd.io/gc.ref.content.config': config, ...Object.fromEntries(layerRefs) });
        put(config, {});
        for (const layer of layers) put(layer, { 'containerd.io/uncompressed': layer });
        const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: manifest, size: 60 };
        tx.put(images, `default/${name}`, { target, createdAt: at, updatedAt: at });
      }
    });
  }
}

function nameOf(index: number): string {
  return `registry.example.com/app:v${index}`;
}

/** Removes the names of every second image; their content is garbage then. */
export async function removeHalfOfTheNames(options: OpenEngineOptions): Promise<void> {
  await using host = await openHost(options);
  const metadata = await host.kernel.get(metadataPoint);
  await metadata.write((tx) => {
    const keys = [...tx.entries(images, { prefix: 'default/' })].map(([key]) => key);
    for (const key of keys.filter((_, index) => index % 2 === 0)) tx.delete(images, key);
  });
}
