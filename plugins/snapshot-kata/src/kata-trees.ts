import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LayersMount } from '@slipway/plugin-api';
import type { SnapshotPlace, SnapshotTrees } from '@slipway/snapshots';
import { layerAndChanges, tooManyParents } from './errors.js';
import { appliedFile, filesOf, keepApplied, keepWritten, layerFile, layerMount, layerTree, visible } from './layer-files.js';
import type { LayerImages } from './layer-images.js';
import { rootAttributes } from './root-attributes.js';
import { isTouched, noteStamp, stampFile, type Upper } from './upper.js';

/** overlayfs takes 500 layers (OVL_MAX_STACK), and who only looks into an active snapshot counts its own among them. */
const maxParents = 499;

export interface KataTreesOptions {
  /** Of snapshots that are made. */
  readonly upper: Upper;
  /** Of those that are there, which may have been made with another setting. */
  readonly uppers: readonly Upper[];
  readonly images: LayerImages;
  readonly verity: boolean;
}

/** A committed snapshot is an image; what an active one has changed is in its upper, or is an image that a differ has applied. */
export function kataTrees({ upper, uppers, images, verity }: KataTreesOptions): SnapshotTrees {
  const writeHashes = verity ? images.writeHashes : undefined;
  const upperIn = (folder: string): Upper => uppers.find(({ name }) => existsSync(join(folder, name))) ?? upper;
  const appliedOf = ({ folder }: SnapshotPlace): readonly string[] => {
    const applied = join(folder, appliedFile);
    return existsSync(applied) ? [applied] : [];
  };
  /** Topmost first; never none, so that an overlay has something below. */
  const layersOf = (place: SnapshotPlace): readonly string[] => {
    const applied = appliedOf(place);
    const layers = [...applied, ...(applied.some(images.hidesAll) ? [] : visible(place.parents))];
    return layers.length > 0 ? layers : [images.empty];
  };

  return {
    names: { active: upper.name, committed: layerFile },

    async fill({ kind, folder, parents }) {
      checkCount(parents);
      for (const parent of parents) statSync(parent);
      if (parents.length === 0) await images.makeEmpty();
      if (kind !== 'active') return;
      const [parent] = parents;
      await upper.make(folder, parent === undefined ? undefined : await rootAttributes(parent));
      await noteStamp(upper, folder);
    },

    mounts(place) {
      const mount: LayersMount = { kind: 'layers', lower: layersOf(place).map(layerMount) };
      return [place.kind === 'view' ? mount : { ...mount, upper: upperIn(place.folder).mount(place.folder) }];
    },

    trees(place) {
      if (place.kind === 'committed') return visible([place.tree, ...place.parents]).map(layerTree);
      const layers = layersOf(place);
      const isScratch = layers[0] === images.empty;
      const { folder } = place;
      if (place.kind === 'view' || !(isScratch || isTouched(upperIn(folder), folder))) return layers.map(layerTree);
      return [upperIn(folder).tree(folder), ...(isScratch ? [] : layers.map(layerTree))];
    },

    layerTarget: ({ folder, parents }) => ({
      format: 'erofs',
      path: join(folder, appliedFile),
      lower: visible(parents).map(layerTree),
    }),

    checkRebase({ parents }) {
      checkCount(parents);
    },

    async seal(place) {
      const { folder, parents } = place;
      const own = upperIn(folder);
      const isChanged = isTouched(own, folder);
      if (appliedOf(place).length > 0) {
        if (isChanged) throw layerAndChanges(folder);
        await keepApplied(folder, writeHashes);
        return;
      }
      const [parent] = parents;
      const write = async (image: string): Promise<void> => {
        if (isChanged) await images.write(own.tree(folder), image);
        else await images.writeEmpty(image, parent === undefined ? undefined : await rootAttributes(parent));
      };
      await keepWritten(folder, write, writeHashes);
    },

    async usage(place, jobs) {
      const { kind, folder, tree } = place;
      if (kind === 'view') return await jobs.measure(folder);
      const own = kind === 'active' ? [await upperIn(folder).usage(folder, jobs)] : [];
      const files = kind === 'active' ? appliedOf(place) : [tree];
      const layers = await Promise.all(files.map((image) => images.usage(image, filesOf(image))));
      return [...own, ...layers].reduce((sum, { bytes, inodes }) => ({ bytes: sum.bytes + bytes, inodes: sum.inodes + inodes }), {
        bytes: 0,
        inodes: 0,
      });
    },

    async settle({ folder }, jobs) {
      await upperIn(folder).remove(folder, jobs);
      for (const file of [...filesOf(join(folder, appliedFile)), join(folder, stampFile)]) rmSync(file, { force: true });
    },
  };
}

/** Refuses early: an image must not be listed and then fail to run. */
function checkCount(parents: readonly string[]): void {
  const count = visible(parents).length;
  if (count > maxParents) throw tooManyParents(count, maxParents);
}
