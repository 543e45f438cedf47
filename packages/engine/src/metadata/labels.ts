import type { Digest, ImageManifest } from '@slipway/plugin-api';

/** Labels as containerd writes them, so that what refers to what can be read off the rows by whoever knows containerd. */
export const gcRefContent = 'containerd.io/gc.ref.content.';
export const gcRefSnapshot = 'containerd.io/gc.ref.snapshot.';
const uncompressed = 'containerd.io/uncompressed';
const distributionSource = 'containerd.io/distribution.source.';

export type Labels = Readonly<Record<string, string>>;

/** Only children that were brought in: an index stands for more platforms than one store wants. */
export function indexLabels(position: number, digest: Digest): Labels {
  return { [`${gcRefContent}m.${position}`]: digest };
}

/** @param keeps which layers stay; the others go once they are unpacked, unless another label keeps them */
export function manifestLabels(manifest: ImageManifest, keeps: (layer: Digest) => boolean): Labels {
  const layers = manifest.layers.map((layer, index) => [layerLabel(index), layer.digest] as const);
  return {
    [`${gcRefContent}config`]: manifest.config.digest,
    ...Object.fromEntries(layers.filter(([, digest]) => keeps(digest))),
  };
}

function layerLabel(index: number): string {
  return `${gcRefContent}l.${index}`;
}

/** Of a manifest's labels: its layers are to be here, as they were pulled. */
export function keepsLayers(labels: Labels): boolean {
  return labels[layerLabel(0)] !== undefined;
}

export function configLabels(snapshotter: string, chainId: Digest | undefined): Labels {
  return chainId === undefined ? {} : { [gcRefSnapshot + snapshotter]: chainId };
}

export function layerLabels(diffId: Digest): Labels {
  return { [uncompressed]: diffId };
}

export function sourceLabels(registry: string, repository: string): Labels {
  return { [distributionSource + registry]: repository };
}

/** Those of the labels that say where a blob came from. */
export function onlySourceLabels(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([label]) => label.startsWith(distributionSource)));
}

/** Names of the repositories that a blob was fetched from or pushed to. */
export function sourceRepositories(labels: Labels): string[] {
  return Object.entries(labels).flatMap(([label, repositories]) =>
    label.startsWith(distributionSource)
      ? repositories.split(',').map((repository) => `${label.slice(distributionSource.length)}/${repository}`)
      : [],
  );
}

/** So many repositories of one registry; those known last are the likeliest to have it still. */
const maxRepositories = 8;

/** Labels with others added. Repositories of one registry, which containerd separates by commas, are all kept. */
export function mergedLabels(before: Labels, added: Labels): Labels {
  const merged: Record<string, string> = { ...before, ...added };
  for (const [label, repository] of Object.entries(added)) {
    const known = label.startsWith(distributionSource) ? before[label] : undefined;
    if (known !== undefined)
      merged[label] = [...new Set([...known.split(',').filter((one) => one !== repository), repository])]
        .slice(-maxRepositories)
        .join(',');
  }
  return merged;
}

/** Digests that a row's labels keep. */
export function contentRefs(labels: Labels): string[] {
  return Object.entries(labels).flatMap(([name, value]) => (name.startsWith(gcRefContent) ? [value] : []));
}

/** Snapshots that a row's labels keep. */
export function snapshotRefs(labels: Labels): { readonly snapshotter: string; readonly name: string }[] {
  return Object.entries(labels).flatMap(([label, name]) =>
    label.startsWith(gcRefSnapshot) ? [{ snapshotter: label.slice(gcRefSnapshot.length), name }] : [],
  );
}
