import { spawnSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { applyLayer, type CompareTreesOptions, compareTrees, defaultLimits } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { describe, expect, test } from 'vitest';
import type { OwnTree } from './own-tree.js';

class Trees implements Disposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-hostile-'));
  readonly lower = this.tree('lower');
  readonly upper = this.tree('upper');
  /** What nothing of may get into a layer. */
  readonly outside = this.tree('outside').path;

  constructor() {
    writeFileSync(`${this.outside}/file`, secret);
  }

  tree(name: string): OwnTree {
    const tree: OwnTree = { format: 'directory', path: path.join(this.folder, name) };
    mkdirSync(tree.path);
    return tree;
  }

  compare(options: Partial<CompareTreesOptions> = {}): Buffer {
    return Buffer.concat([...compareTrees([this.lower], [this.upper], { system: linux, ...options })]);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const secret = 'of the host';
const descriptors = (): number => readdirSync('/proc/self/fd').length;
const makeFile = (name: string): void => writeFileSync(name, 'of the container');

describe('a container that writes while its tree is compared', () => {
  // Of a number that no driver has: to open it would fail with a code of its own.
  const makeDevice = (name: string): void => linux.mknod(name, 0o020600, 241, 7);
  const swaps: Readonly<Record<string, (name: string, outside: string) => void>> = {
    'a link to a file of the host': (name, outside) => symlinkSync(`${outside}/file`, name),
    'a link to a directory of the host': (name, outside) => symlinkSync(outside, name),
    'a link to itself': (name) => symlinkSync(path.basename(name), name),
    'a fifo': (name) => linux.mknod(name, 0o010600, 0, 0),
    'a socket': (name) => linux.mknod(name, 0o140600, 0, 0),
    'a device': makeDevice,
    'another file': makeFile,
    'another directory': (name) => mkdirSync(name),
    nothing: () => undefined,
  };

  function fill({ path: root }: OwnTree): void {
    mkdirSync(`${root}/dir/sub`, { recursive: true });
    for (const name of ['dir/sub/file', 'file']) makeFile(`${root}/${name}`);
    symlinkSync('dir', `${root}/link`);
    linkSync(`${root}/file`, `${root}/dir/second`);
  }

  /** Does something just before the n-th time that the comparison asks for the names of attributes, or begins with a name. */
  function meanwhile(
    nth: number,
    work: () => void,
  ): { readonly options: Partial<CompareTreesOptions>; readonly came: () => boolean } {
    let calls = 0;
    const checkpoint = (): void => {
      if (calls++ === nth) work();
    };
    const llistxattr: typeof linux.llistxattr = (name) => {
      checkpoint();
      return linux.llistxattr(name);
    };
    const system = new Proxy(linux, { get: (target, name) => (name === 'llistxattr' ? llistxattr : Reflect.get(target, name)) });
    return { options: { system, checkpoint }, came: () => calls > nth };
  }

  test.each(Object.keys(swaps))(
    '%s in place of anything, at any moment: aborted, or a layer without what is outside',
    async (what) => {
      const before = descriptors();
      let aborted = 0;
      for (const victim of ['dir', 'dir/sub/file', 'dir/second', 'link'])
        for (let nth = 0, hasCome = true; hasCome; nth++) {
          using trees = new Trees();
          fill(trees.upper);
          const name = `${trees.upper.path}/${victim}`;
          const { options, came } = meanwhile(nth, () => {
            // Kept, so that no inode number is used again at once.
            renameSync(name, `${trees.outside}/moved`);
            swaps[what]?.(name, trees.outside);
          });
          const layer = outcomeOf(() => trees.compare(options));
          hasCome = came();
          if (layer instanceof Buffer) {
            expect(layer.includes(secret)).toBe(false);
            await applyLayer([layer], { ...trees.lower, lower: [] }, { system: linux });
          } else {
            aborted++;
            expect(layer, `${victim} at ${nth}`).toMatchObject({ kind: 'aborted', code: 'LAYER_TREE_CHANGED' });
          }
        }
      expect(aborted).toBeGreaterThan(0);
      expect(descriptors()).toBe(before);
    },
  );

  test('a file that is written to while it is read, and keeps its size', () => {
    using trees = new Trees();
    writeFileSync(`${trees.upper.path}/log`, Buffer.alloc(3 << 20));
    const parts = compareTrees([], [trees.upper], { system: linux });
    parts.next();
    writeFileSync(`${trees.upper.path}/log`, Buffer.alloc(3 << 20, 1));
    expect(outcomeOf(() => [...parts])).toMatchObject({ kind: 'aborted', code: 'LAYER_TREE_CHANGED' });
  });

  test('a group of hard links whose first name went: no link to nothing', () => {
    using trees = new Trees();
    for (const name of ['a', 'b']) mkdirSync(`${trees.upper.path}/${name}`);
    makeFile(`${trees.upper.path}/a/first`);
    linkSync(`${trees.upper.path}/a/first`, `${trees.upper.path}/b/second`);
    makeFile(`${trees.upper.path}/b/third`);
    linkSync(`${trees.upper.path}/b/third`, `${trees.upper.path}/b/fourth`);
    // The names are decided about in a walk of their own, of six.
    const { options } = meanwhile(6, () => {
      unlinkSync(`${trees.upper.path}/a/first`);
      linkSync(`${trees.upper.path}/b/second`, `${trees.upper.path}/b/fifth`);
    });
    expect(outcomeOf(() => trees.compare(options))).toMatchObject({ kind: 'aborted', code: 'LAYER_TREE_CHANGED' });
  });

  test('a tree that was not there to begin with is not-found, not aborted', () => {
    using trees = new Trees();
    const nowhere: OwnTree = { format: 'directory', path: `${trees.folder}/nowhere` };
    for (const list of [[nowhere], [trees.upper, nowhere]])
      expect(() => [...compareTrees([], list, { system: linux })]).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});

describe('a layer that is made keeps within the limits', () => {
  const tooLarge = (entry: string) => ({ kind: 'resource-exhausted', code: 'LAYER_TOO_LARGE', details: { entry } });

  test('a file of eight tebibytes that is nothing but a hole is refused before it is read', () => {
    using trees = new Trees();
    writeFileSync(`${trees.upper.path}/hole`, '');
    truncateSync(`${trees.upper.path}/hole`, 2 ** 43);
    expect(outcomeOf(() => trees.compare())).toMatchObject(tooLarge('hole'));
  });

  test('of entries and bytes, to the last one', async () => {
    using trees = new Trees();
    for (let index = 0; index < 4; index++) writeFileSync(`${trees.upper.path}/${index}`, Buffer.alloc(600));
    for (let index = 0; index < 4; index++) linux.lutimes(`${trees.upper.path}/${index}`, 0n, 0n);
    linux.lutimes(trees.upper.path, 0n, 0n);
    const whole = { ...defaultLimits, entries: 5, unpackedBytes: 512 * (1 + 4 * 3 + 2) };
    const layer = trees.compare({ limits: whole });
    expect(layer.length).toBe(whole.unpackedBytes);
    await applyLayer([layer], { ...trees.lower, lower: [] }, { system: linux, limits: whole });
    rmSync(trees.lower.path, { recursive: true });
    mkdirSync(trees.lower.path);
    expect(outcomeOf(() => trees.compare({ limits: { ...whole, entries: 4 } }))).toMatchObject(tooLarge('3'));
    expect(outcomeOf(() => trees.compare({ limits: { ...whole, unpackedBytes: whole.unpackedBytes - 1 } }))).toMatchObject(
      tooLarge('3'),
    );
  });

  test('a tree as deep as a layer may be is compared, and applied again', async () => {
    using trees = new Trees();
    const limits = { ...defaultLimits, depth: 5 };
    mkdirSync(`${trees.upper.path}/1/2/3/4/5`, { recursive: true });
    await applyLayer([trees.compare({ limits })], { ...trees.lower, lower: [] }, { system: linux, limits });
    expect(readdirSync(`${trees.lower.path}/1/2/3/4`)).toEqual(['5']);
    makeFile(`${trees.upper.path}/1/2/3/4/5/6`);
    expect(outcomeOf(() => trees.compare({ limits }))).toMatchObject(tooLarge('1/2/3/4/5/6'));
  });
});

test('the directories that a layer lists do not stay in memory', () => {
  using trees = new Trees();
  for (let index = 0; index < 8_000; index++) mkdirSync(`${trees.upper.path}/${index % 100}/${index}`, { recursive: true });
  const child = `
    import { compareTrees } from '@slipway/layers';
    import { linux } from '@slipway/linux';
    const used = () => { for (let round = 0; round < 2; round++) gc(); return process.memoryUsage().heapUsed; };
    const before = used();
    let after = 0;
    for (const part of compareTrees([], [{ format: 'directory', path: process.argv[1] }], { system: linux })) after = used();
    console.log(after - before);
  `;
  const { stdout } = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', child, trees.upper.path], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  // Each would take more than a kilobyte.
  expect(Number(stdout)).toBeLessThan(4 << 20);
  expect(Number(stdout)).not.toBeNaN();
});

function outcomeOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
