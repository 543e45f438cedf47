import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ImageName, imageLayout, startRegistry } from '@slipway/fixtures';
import { diffTrees, listTree, type TreeDifference, type TreeEntry } from '@slipway/fs-tree';
import { afterAll, describe, expect, it } from 'vitest';
import { leftInPlace } from './place.ts';
import { placesInMemory } from './tmpfs.ts';
import { expectedTree, mountedTree, wrongPaths } from './trees.ts';

const variants = ['medium', 'medium-zstd', 'medium-docker', 'medium-multi'] as const satisfies readonly ImageName[];
const others = ['small', 'demo', 'links'] as const satisfies readonly ImageName[];

const registry = await startRegistry({ images: [...variants, ...others] });
afterAll(() => registry[Symbol.asyncDispose]());
const reference = (name: ImageName): string => `${registry.address}/test/${name}:latest`;

const newPlace = placesInMemory();

// How an image is wrapped up is no business of a snapshotter: each is unpacked on the one, and on the others one of them.
describe.each([
  { snapshotter: 'overlay', differ: 'tar', names: [...variants, ...others] },
  { snapshotter: 'native', differ: 'tar', names: ['medium-zstd', ...others] as const },
  { snapshotter: 'kata', differ: 'erofs', names: ['medium', ...others] as const },
])('the tree on $snapshotter', ({ snapshotter, differ, names }) => {
  const config = `[stack]\nsnapshotter = "${snapshotter}"\ndiffer = "${differ}"`;

  it.each(names)('of %s is what its layers say', async (name) => {
    using place = newPlace(config);
    {
      await using engine = await place.open();
      await engine.pull(reference(name));
      expect(await wrongPaths(engine, reference(name), name)).toEqual([]);
    }
    expect(leftInPlace(place)).toEqual([]);
  });
});

describe('the forms of one image', () => {
  it('have the same chain ID, and share their snapshots', async () => {
    using place = newPlace();
    await using engine = await place.open();
    const unpacked: string[] = [];
    for (const name of variants) {
      await engine.pull(reference(name), {
        onProgress: (event) => {
          if (event.type === 'layer' && event.phase === 'unpacked') unpacked.push(`${name} ${event.digest}`);
        },
      });
    }
    const details = await Promise.all(variants.map((name) => engine.images.inspect(reference(name))));
    expect(new Set(details.map(({ chainId }) => chainId)).size).toBe(1);
    expect(unpacked).toHaveLength(details[0]?.manifest.layers.length ?? 0);
    expect(unpacked.every((line) => line.startsWith('medium '))).toBe(true);
  });

  it('have trees that one and the same comparison finds equal', async () => {
    using place = newPlace('[stacks.copies]\nsnapshotter = "native"');
    await using engine = await place.open();
    await engine.pull(reference('medium'));
    const overlay = await mountedTree(engine, reference('medium'));
    const native = await mountedTree(engine, reference('medium'), 'copies');
    expect(diffTrees(overlay, native)).toEqual([]);
  });
});

/**
 * What an independent implementation makes of the same image. umoci 0.4 reads neither zstd nor Docker's schema 2, and
 * cannot choose from an index.
 */
describe('umoci, an independent peer', () => {
  it.each(['small', 'demo', 'links', 'medium'] as const)('has the same tree of %s', async (name) => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(reference(name));
    const ours = await mountedTree(engine, reference(name));
    const theirs = umociTree(name);
    expect(theirs.length).toBe(ours.length);
    expect(diffTrees(ours, theirs).filter((difference) => !isKnown(difference, name))).toEqual([]);
  });
});

/** The one place where the specification says nothing and the two differ: the time of a directory that no layer lists. */
function isKnown({ path: where, field }: TreeDifference, name: ImageName): boolean {
  return field === 'mtimeNs' && expectedTree(name).find((entry) => entry.path === where)?.mtimeNs === null;
}

function umociTree(name: ImageName): TreeEntry[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-e2e-umoci-'));
  try {
    const bundle = path.join(folder, 'bundle');
    execFileSync('umoci', ['unpack', '--image', `${imageLayout(name)}:latest`, bundle], { stdio: 'pipe' });
    return listTree(path.join(bundle, 'rootfs'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
