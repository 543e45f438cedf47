import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tarOf, writeTreeImage } from '@slipway/layers';
import { linux, upperForm } from '@slipway/linux';
import type { BlockMount, ErofsMount } from '@slipway/plugin-api';
import type { OpenSnapshotter } from '@slipway/plugin-testkit/subjects';
import type { SnapshotTrees } from '@slipway/snapshots';
import { opener } from './sound-subject.ts';

const devicesOf = (image: string): Pick<ErofsMount, 'devices'> => (existsSync(tarOf(image)) ? { devices: [tarOf(image)] } : {});
const imageMount = (source: string): ErofsMount => ({ kind: 'erofs', source, ...devicesOf(source) });
const imageTree = (path: string) => ({ format: 'erofs', path, ...devicesOf(path) }) as const;
export const upperMount = (source: string): BlockMount => ({ kind: 'block', source, fstype: 'ext4', readOnly: false });

/** Makes the image of a layer of what was written into a file system. */
export function imageOf(upper: string, image: string): void {
  const tree = linux.mountUpper({ ...upperMount(upper), readOnly: true });
  const fd = openSync(image, 'wx+');
  try {
    writeTreeImage(`/proc/self/fd/${tree}/upper`, fd, { system: linux });
  } finally {
    closeSync(fd);
    closeSync(tree);
  }
}

/** The simplest layers there are: an image for each, and a file system of its own for each that is written. */
export const layers = {
  names: { active: 'upper.ext4', committed: 'layer.erofs' },
  async fill({ kind, tree }) {
    if (kind !== 'active') return;
    const seed = join(dirname(tree), 'seed');
    for (const name of ['upper', 'work']) mkdirSync(join(seed, name), { recursive: true });
    writeFileSync(tree, '');
    truncateSync(tree, 32 << 20);
    execFileSync('mkfs.ext4', ['-q', ...upperForm.mkfsOptions, '-d', seed, tree], {
      env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin', MKE2FS_CONFIG: '/dev/null' },
      stdio: 'pipe',
    });
    rmSync(seed, { recursive: true });
  },
  mounts: ({ kind, tree, parents }) => [
    { kind: 'layers', lower: parents.map(imageMount), ...(kind === 'view' ? {} : { upper: upperMount(tree) }) },
  ],
  trees: ({ kind, tree, parents }) => [
    ...(kind === 'view' ? [] : [kind === 'active' ? ({ format: 'ext4', path: tree } as const) : imageTree(tree)]),
    ...parents.map(imageTree),
  ],
  layerTarget: ({ folder, parents }) => ({ format: 'erofs', path: join(folder, 'applied.erofs'), lower: parents.map(imageTree) }),
  async seal({ folder, tree }) {
    const [applied, image] = [join(folder, 'applied.erofs'), join(folder, 'layer.erofs')];
    rmSync(image, { force: true });
    if (!existsSync(applied)) return imageOf(tree, image);
    copyFileSync(applied, image);
    if (existsSync(tarOf(applied))) copyFileSync(tarOf(applied), tarOf(image));
  },
  async settle() {},
} satisfies SnapshotTrees;

export const openSubject: OpenSnapshotter = opener(layers);
